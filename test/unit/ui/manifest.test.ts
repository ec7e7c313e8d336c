import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { isProxy, type ForwardKind } from '../../../src/core/forwardSpec.ts';
import type { ForwardState } from '../../../src/core/forwardState.ts';
import { COMMANDS, ROW_CONTEXTS, SECTION, SETTINGS, VIEW_CONTAINER, VIEWS } from '../../../src/ui/contributions.ts';
import { contextOf } from '../../../src/ui/rowContext.ts';
import { DYNAMIC, failure, forwardOf, LOCAL, NOW, RELAY, REMOTE, REMOTE_DYNAMIC, SOCKETS, STATES, UDP } from './samples.ts';

interface MenuItem {
  readonly command: string;
  readonly when?: string;
  readonly group?: string;
}

const ROOT = join(import.meta.dirname, '../../..');
const { contributes } = manifest;
const menus: Readonly<Record<string, readonly MenuItem[]>> = contributes.menus;
const commandIds = contributes.commands.map(({ command }) => command);
const menuItems = Object.entries(menus).flatMap(([menu, items]) => items.map((item) => ({ menu, ...item })));

/** The words that Title Case leaves small, and names that are written so. */
const SMALL = new Set(['a', 'an', 'and', 'as', 'at', 'by', 'for', 'in', 'of', 'on', 'or', 'the', 'to', 'with', 'ssh', 'settings.json', 'known_hosts', 'ssh_config']);

function isTitleCase(title: string): boolean {
  return title.split(' ').every((word, index) => (index > 0 && SMALL.has(word)) || /^[A-Z]/.test(word));
}

describe('the commands of the manifest', () => {
  it('are those of the code', () => {
    expect([...commandIds].sort()).toEqual(Object.values(COMMANDS).sort());
  });

  it('each do something', () => {
    const source = readFileSync(join(ROOT, 'src/ui/commands.ts'), 'utf8');
    for (const name of Object.keys(COMMANDS)) expect(source, name).toContain(`[COMMANDS.${name}]:`);
  });

  it.each(contributes.commands)('$command has a title of its own in Title Case, under Culvert', ({ title, category }) => {
    expect(category).toBe('Culvert');
    expect(isTitleCase(title), title).toBe(true);
    expect(title).not.toMatch(/\.\.\.|^Culvert/);
    expect(contributes.commands.filter((other) => other.title.replace('…', '') === title.replace('…', ''))).toHaveLength(1);
  });
});

describe('menus and keys', () => {
  it.each([...menuItems, ...contributes.keybindings])('$command is a command, and its condition names what exists', ({ command, when = '' }) => {
    expect(commandIds).toContain(command);
    for (const [, view] of when.matchAll(/\b(?:view|focusedView) == ([\w.]+)/g)) expect(Object.values(VIEWS)).toContain(view);
    for (const [, context] of when.matchAll(/\bviewItem == (\w+)/g)) expect(Object.values(ROW_CONTEXTS)).toContain(context);
  });

  it.each(contributes.keybindings)('$key works in the view alone, and not while something is typed', ({ when }) => {
    expect(when).toContain(`focusedView == ${VIEWS.forwards}`);
    expect(when).toContain('!inputFocus');
  });

  it.each(menuItems.filter(({ group = '' }) => /^(?:inline|navigation)/.test(group)))('$command, shown as an icon in $menu, has one', ({ command }) => {
    expect(contributes.commands.find((other) => other.command === command)).toHaveProperty('icon');
  });

  it('offer no command twice in one place of one row', () => {
    for (const context of everyContext) {
      const offered = offeredOn(context).map(({ command, group = '' }) => `${command} ${group.split('@')[0] ?? ''}`);
      expect(new Set(offered).size, `${context}: ${offered.join(', ')}`).toBe(offered.length);
    }
  });
});

const SPECS = { local: LOCAL, remote: REMOTE, dynamic: DYNAMIC, 'remote-dynamic': REMOTE_DYNAMIC, relay: RELAY, udp: UDP };

const forwardContexts = [LOCAL, RELAY, REMOTE, DYNAMIC, REMOTE_DYNAMIC, UDP].flatMap((spec) => [80, 23].flatMap((port) => Object.values(STATES)
  .map((state) => contextOf(forwardOf(state, { spec: isProxy(spec) ? spec : { ...spec, connect: { host: 'far', port } } })))));
const socketContexts = Object.values(STATES).map((state) => contextOf(forwardOf(state, { spec: SOCKETS })));
const COMPLAINING = { ...STATES.listening, complaint: { failure: failure('destination-refused'), at: 0 } } as ForwardState;
const complaint = contextOf(forwardOf(COMPLAINING, { spec: { ...RELAY, connect: { host: 'far', port: 80 } } }));
const draining = contextOf(forwardOf({ ...STATES.stopping, drainUntil: 60_000 } as ForwardState));
const everyContext = [...forwardContexts, ...socketContexts, complaint, draining, ...Object.values(ROW_CONTEXTS)];

/** The items of a row's menu, as the editor reads the conditions. */
function offeredOn(context: string): readonly MenuItem[] {
  return (menus['view/item/context'] ?? []).filter(({ when = '' }) => when.split(' && ').every((term) => {
    const pattern = /^viewItem =~ \/(.+)\/$/.exec(term)?.[1];
    if (pattern !== undefined) return new RegExp(pattern).test(context);
    const equal = /^viewItem == (\S+)$/.exec(term)?.[1];
    if (equal !== undefined) return equal === context;
    expect(term, 'a term that this test does not know').toMatch(/^view == [\w.]+$/);
    return true;
  }));
}

function offers(context: string, command: string, place: 'inline' | 'menu'): boolean {
  return offeredOn(context).some((item) => item.command === command && (item.group?.startsWith('inline') === true) === (place === 'inline'));
}

describe('the menu of a forward\'s row', () => {
  const context = (phase: ForwardState['phase'], port = 23, kind: ForwardKind = 'local'): string => {
    const spec = SPECS[kind];
    return contextOf(forwardOf(STATES[phase], { spec: isProxy(spec) ? spec : { ...spec, connect: { host: 'far', port } } }));
  };
  const kinds = Object.keys(SPECS) as ForwardKind[];

  it.each<[ForwardState['phase'], boolean, boolean]>([
    ['stopped', true, false], ['failed', true, false], ['retrying', false, true], ['starting', false, true], ['listening', false, true], ['idle', false, true], ['stopping', false, false], ['elsewhere', false, true],
  ])('when it is %s offers start: %s, stop: %s, as an icon and in the menu', (phase, isStartable, isStoppable) => {
    for (const kind of kinds) {
      for (const place of ['inline', 'menu'] as const) {
        expect(offers(context(phase, 23, kind), COMMANDS.start, place)).toBe(isStartable);
        expect(offers(context(phase, 23, kind), COMMANDS.tryAgain, place)).toBe(phase === 'retrying');
        expect(offers(context(phase, 23, kind), COMMANDS.stop, place)).toBe(isStoppable);
      }
      expect(offers(context(phase, 23, kind), COMMANDS.restart, 'menu')).toBe(isStoppable);
      expect(offers(context(phase, 23, kind), COMMANDS.takeOver, 'menu')).toBe(phase === 'elsewhere');
    }
  });

  it.each(Object.keys(STATES) as ForwardState['phase'][])('when it is %s offers the browser only where it listens, as an icon only for what looks like a web server', (phase) => {
    // Opening wakes a tunnel on demand.
    const isUp = phase === 'listening' || phase === 'idle' || phase === 'elsewhere';
    expect(offers(context(phase, 80), COMMANDS.openInBrowser, 'inline')).toBe(isUp);
    expect(offers(context(phase, 23), COMMANDS.openInBrowser, 'inline')).toBe(false);
    expect(offers(context(phase, 23), COMMANDS.openInBrowser, 'menu')).toBe(isUp);
    expect(offers(context(phase, 80, 'relay'), COMMANDS.openInBrowser, 'inline')).toBe(isUp);
    // A proxy leads nowhere of itself, the server's port is not this computer's, and no browser speaks to sockets or in datagrams.
    for (const row of [...(['remote', 'dynamic', 'remote-dynamic', 'udp'] as const).map((kind) => context(phase, 80, kind)), ...socketContexts]) expect(offeredOn(row).map(({ command }) => command)).not.toContain(COMMANDS.openInBrowser);
  });

  it.each(Object.keys(STATES) as ForwardState['phase'][])('when it is %s can be renamed, edited, copied and removed', (phase) => {
    for (const command of [COMMANDS.rename, COMMANDS.edit, COMMANDS.toggleAutoStart, COMMANDS.copyAddress, COMMANDS.remove, COMMANDS.showLog]) {
      for (const kind of kinds) expect(offers(context(phase, 23, kind), command, 'menu'), command).toBe(true);
    }
    expect(offers(context(phase), COMMANDS.remove, 'inline')).toBe(false);
  });

  it('can be on demand where it listens here and goes through SSH, and can stop after its connections where it has some', () => {
    for (const kind of kinds) {
      expect(offers(context('listening', 23, kind), COMMANDS.toggleOnDemand, 'menu'), kind).toBe(kind === 'local' || kind === 'dynamic');
      expect(offers(context('listening', 23, kind), COMMANDS.drain, 'menu')).toBe(true);
      expect(offers(context('idle', 23, kind), COMMANDS.drain, 'menu')).toBe(false);
    }
  });

  it('can be stopped at once while it waits for its connections to end', () => {
    const draining = contextOf(forwardOf({ phase: 'stopping', generation: 1, since: NOW, drainUntil: NOW + 60_000 }));
    for (const place of ['inline', 'menu'] as const) expect(offers(draining, COMMANDS.stop, place), place).toBe(true);
    expect(offers(draining, COMMANDS.restart, 'menu')).toBe(true);
    expect(offers(draining, COMMANDS.start, 'menu')).toBe(false);
    expect(offers(draining, COMMANDS.drain, 'menu')).toBe(false);
  });

  it('explains what went wrong', () => {
    const listening = { ...STATES.listening, complaint: { failure: failure('destination-refused'), at: NOW } } as ForwardState;
    for (const port of [80, 23]) expect(offers(contextOf(forwardOf(listening, { spec: { ...LOCAL, connect: { host: 'far', port } } })), COMMANDS.explain, 'inline')).toBe(true);
    const outage = { failure: failure('connection-lost'), at: NOW, since: NOW };
    for (const state of [{ ...STATES.starting, outage }, { ...STATES.idle, complaint: outage }] as ForwardState[]) expect(offers(contextOf(forwardOf(state)), COMMANDS.explain, 'inline')).toBe(true);
    for (const phase of ['failed', 'retrying'] as const) for (const kind of kinds) expect(offers(context(phase, 23, kind), COMMANDS.explain, 'inline')).toBe(true);
    for (const phase of ['stopped', 'starting', 'listening', 'idle', 'stopping'] as const) expect(offeredOn(context(phase)).map(({ command }) => command)).not.toContain(COMMANDS.explain);
  });

  it('has a login only where it is a proxy', () => {
    for (const kind of kinds) expect(offers(context('listening', 23, kind), COMMANDS.setProxyLogin, 'menu'), kind).toBe(kind === 'dynamic' || kind === 'remote-dynamic');
    expect(offers(contextOf(forwardOf(STATES.stopped, { spec: DYNAMIC, origin: 'ssh-config' })), COMMANDS.setProxyLogin, 'menu')).toBe(false);
  });

  it('has a health check only where it leads to one destination that takes connections', () => {
    for (const kind of kinds) expect(offers(context('listening', 23, kind), COMMANDS.setHealthCheck, 'menu'), kind).toBe(kind === 'local' || kind === 'remote' || kind === 'relay');
  });

  it('has an ssh command only where there is SSH', () => {
    for (const kind of kinds) expect(offers(context('listening', 23, kind), COMMANDS.copySshCommand, 'menu'), kind).toBe(kind !== 'relay' && kind !== 'udp');
  });

  it.each(Object.keys(STATES) as ForwardState['phase'][])('when it is %s and ssh_config has it runs and is copied as any other, and is changed nowhere but in the file', (phase) => {
    const own = contextOf(forwardOf(STATES[phase], { spec: { ...LOCAL, connect: { host: 'far', port: 80 } } }));
    const offered = contextOf(forwardOf(STATES[phase], { spec: { ...LOCAL, connect: { host: 'far', port: 80 } }, origin: 'ssh-config' }));
    const changing: string[] = [COMMANDS.rename, COMMANDS.edit, COMMANDS.toggleAutoStart, COMMANDS.toggleOnDemand, COMMANDS.stopAfter, COMMANDS.setHealthCheck, COMMANDS.remove];
    const entries = (row: string): string[] => offeredOn(row).map(({ command, group = '' }) => `${command} ${group.split('@')[0] ?? ''}`).sort();
    const wanted = entries(own).filter((entry) => !changing.some((command) => entry.startsWith(`${command} `)));
    expect(entries(offered)).toEqual([...wanted, `${COMMANDS.openInConfig} 4_edit`].sort());
    expect(entries(own)).not.toContain(`${COMMANDS.openInConfig} 4_edit`);
  });

  it('is not that of the other rows', () => {
    const commandsOn = (row: string): string[] => [...new Set(offeredOn(row).map(({ command }) => command))].sort();
    expect(commandsOn(ROW_CONTEXTS.group)).toEqual([COMMANDS.start, COMMANDS.stop].sort());
    expect(commandsOn(ROW_CONTEXTS.problem)).toEqual([COMMANDS.openSettings]);
    // Starting it as a whole would log in to every server of ssh_config.
    expect(commandsOn(ROW_CONTEXTS.configGroup)).toEqual([]);
    expect(commandsOn(ROW_CONTEXTS.address)).toContain(COMMANDS.copyAddress);
    expect(commandsOn(ROW_CONTEXTS.connection)).not.toContain(COMMANDS.remove);
  });
});

describe('the view and the settings', () => {
  it('are those of the code', () => {
    expect(contributes.viewsContainers.activitybar.map(({ id }) => id)).toEqual([VIEW_CONTAINER]);
    expect(contributes.views[VIEW_CONTAINER].map(({ id }) => id)).toEqual(Object.values(VIEWS));
    expect(Object.keys(contributes.configuration.properties).sort()).toEqual(Object.values(SETTINGS).map((name) => `${SECTION}.${name}`).sort());
  });

  it('lead from the empty view to commands that exist', () => {
    for (const { view, contents } of contributes.viewsWelcome) {
      expect(Object.values(VIEWS)).toContain(view);
      for (const [, command] of contents.matchAll(/\(command:([\w.]+)/g)) expect(commandIds).toContain(command);
    }
  });

  it.each(Object.entries(contributes.configuration.properties))('%s cannot be set by a workspace, and says what it does', (name, property) => {
    expect(['application', 'machine']).toContain(property.scope);
    const text = 'description' in property ? property.description : property.markdownDescription;
    expect(text).toMatch(/^[A-Z].*\.$/s);
    if (property.type === 'string') expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations).toContain(name);
  });

  it('use files that are there', () => {
    const files = [manifest.icon, ...contributes.viewsContainers.activitybar.map(({ icon }) => icon), ...contributes.views[VIEW_CONTAINER].map(({ icon }) => icon)];
    for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });
});

describe('the icons', () => {
  /** Looked up in the codicons of the oldest editor that is supported; a new one is looked up there before it is added here. */
  const CODICONS = new Set([
    'add', 'arrow-swap', 'broadcast', 'check', 'circle-outline', 'circle-slash', 'copy', 'debug-pause', 'debug-restart', 'debug-stop', 'edit', 'ellipsis', 'error', 'globe', 'go-to-file', 'history',
    'info', 'key', 'link-external', 'list-tree', 'loading', 'lock', 'multiple-windows', 'output', 'pass-filled', 'play', 'plug', 'question', 'radio-tower', 'refresh', 'reply', 'save',
    'run-all', 'server', 'settings-gear', 'stop-circle', 'sync', 'terminal', 'trash', 'vm', 'warning', 'watch',
  ]);

  function iconsIn(text: string): string[] {
    return [/\$\(([\w-]+)(?:~\w+)?\)/g, /\bThemeIcon\('([\w-]+)/g, /\{ id: '([\w-]+)(?:~\w+)?'(?:, color: '[\w.]+')? \}/g]
      .flatMap((pattern) => [...text.matchAll(pattern)].flatMap(([, name]) => name ?? []));
  }

  const folder = join(ROOT, 'src/ui');
  const files = [join(ROOT, 'package.json'), ...readdirSync(folder).map((name) => join(folder, name))];

  it.each(files.map((file) => [file.slice(ROOT.length + 1), file]))('of %s exist', (_, file) => {
    expect(iconsIn(readFileSync(file, 'utf8')).filter((name) => !CODICONS.has(name))).toEqual([]);
  });

  it('are found where they are written', () => {
    expect(iconsIn('$(sync~spin) 3')).toEqual(['sync']);
    expect(iconsIn('new vscode.ThemeIcon(\'error\', x)')).toEqual(['error']);
    expect(iconsIn('return { id: \'loading~spin\' }; { id: \'sync\', color: \'charts.yellow\' }')).toEqual(['loading', 'sync']);
  });
});
