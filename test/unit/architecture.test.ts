import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { importComplaint } from '../support/rooms.mjs';

const ROOT = join(import.meta.dirname, '../..');
const FILE_LINES_MAX = 400;

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** Every way TypeScript has to name another module: import, export from, import(), import type, import = require. */
function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (node === undefined) return;
    // A computed path cannot be held against the table, so it counts as an import of nothing that is allowed.
    const specifier = ts.isStringLiteralLike(node) ? node.text : `(computed) ${node.getText()}`;
    found.push({ specifier, isTypeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument, true);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isCallExpression(node) && isImportCall(node)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return found;
}

function isImportCall(node: ts.CallExpression): boolean {
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isIdentifier(node.expression) && node.expression.text === 'require';
}

function complaintsAbout(path: string, text: string): string[] {
  const complaints = importsOf(path, text).flatMap(({ specifier, isTypeOnly }) => importComplaint(path, specifier, isTypeOnly) ?? []);
  const lines = text.trimEnd().split('\n').length;
  if (lines > FILE_LINES_MAX) complaints.push(`has ${lines} lines, more than ${FILE_LINES_MAX}`);
  return complaints.map((complaint) => `${path}: ${complaint}`);
}

function sourceFiles(): string[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

describe('the rooms of src', () => {
  it('import only what the table allows, and no file is too long', () => {
    const files = sourceFiles();
    expect(files).not.toHaveLength(0);
    expect(files.flatMap((path) => complaintsAbout(path, readFileSync(join(ROOT, path), 'utf8')))).toEqual([]);
  });

  it('have names as the house has them', () => {
    expect(sourceFiles().filter((path) => !/\/[a-z][A-Za-z0-9]*(\.d)?\.ts$/.test(path))).toEqual([]);
  });
});

describe('the check itself', () => {
  it.each([
    ['src/core/forward.ts', "import { connect } from 'node:net';"],
    ['src/core/forward.ts', "import type { Socket } from 'node:net';"],
    ['src/core/forward.ts', "import { posix } from 'node:path';"],
    ['src/core/forward.ts', "type Editor = import('vscode').ExtensionContext;"],
    ['src/core/forward.ts', "export * from '../ui/present.ts';"],
    ['src/core/forward.ts', "import { parse } from './address';"],
    ['src/openssh/config.ts', "import { connect } from 'node:net';"],
    ['src/system/ports.ts', "import { show } from '../ui/prompts.ts';"],
    ['src/windows/owner.ts', "import * as vscode from 'vscode';"],
    ['src/protocol/rpc.ts', "import { parentPort } from 'node:worker_threads';"],
    ['src/plane/relay.ts', "import { readFile } from 'node:fs/promises';"],
    ['src/plane/relay.ts', "const { readFile } = await import('node:fs/promises');"],
    ['src/plane/relay.ts', "const fs = require('node:fs');"],
    ['src/plane/relay.ts', "import fs = require('node:fs');"],
    ['src/plane/relay.ts', "const any = await import('node:' + name);"],
    ['src/plane/relay.ts', "import { Client } from 'ssh2';"],
    ['src/plane/relay.ts', "import { resolve } from '../openssh/config.ts';"],
    ['src/plane/relay.ts', "import { findOwner } from '../system/portOwner.ts';"],
    ['src/plane/relay.ts', "import { createSocket } from 'dgram';"],
    ['src/plane/ssh/connection.ts', "import { spawn } from 'node:child_process';"],
    ['src/ui/forwardsTree.ts', "import type { Relay } from '../plane/relay.ts';"],
    ['src/ui/forwardsTree.ts', "import { Worker } from 'node:worker_threads';"],
    ['src/ui/forwardsTree.ts', "import { eventually } from '../../test/support/eventually.ts';"],
    ['src/extension.ts', "import { start } from './plane/main.ts';"],
    ['src/other/thing.ts', "import { x } from '../core/address.ts';"],
  ])('refuses in %s: %s', (path, text) => {
    expect(complaintsAbout(path, text)).toHaveLength(1);
  });

  it('refuses a file that is too long', () => {
    expect(complaintsAbout('src/core/long.ts', 'const line = 1;\n'.repeat(FILE_LINES_MAX + 1))).toHaveLength(1);
  });

  it.each([
    ['src/core/forward.ts', "import { parse } from './address.ts';"],
    ['src/plane/ssh/connection.ts', "import { Client } from 'ssh2';"],
    ['src/plane/ssh/sshDialer.ts', "import { systemClock } from '../../system/clock.ts';"],
    ['src/plane/ssh/proxyCommand.ts', "import { spawn } from 'node:child_process';"],
    ['src/protocol/rpc.ts', "import type { MessagePort } from 'node:worker_threads';"],
    ['src/ui/planeHost.ts', "import { Worker } from 'node:worker_threads';"],
    ['src/openssh/knownHosts.ts', "import { readFile } from 'node:fs/promises';"],
    ['src/extension.ts', "import { commands } from './ui/commands.ts';"],
  ])('accepts in %s: %s', (path, text) => {
    expect(complaintsAbout(path, text)).toEqual([]);
  });
});
