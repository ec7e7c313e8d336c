import { describe, expect, it } from 'vitest';
import { formatForwardLine, readForwardLine, type ConfiguredForwardKind } from '../../../src/openssh/forwardLine.ts';

const env = { FOLDER: '/run/me', PORT: '8080', PERCENT: '/%h' };

function textOf(kind: ConfiguredForwardKind, ...parts: string[]): string | undefined {
  const line = readForwardLine(kind, parts, env);
  return 'reason' in line ? undefined : formatForwardLine(line);
}

describe('readForwardLine', () => {
  it.each<[string, ConfiguredForwardKind, string[]]>([
    ['8080:localhost:80', 'local', ['8080', 'localhost:80']],
    ['127.0.0.1:8080:web.example:80', 'local', ['127.0.0.1:8080', 'web.example:80']],
    ['[::1]:8080:[2001:db8::1]:80', 'local', ['[::1]:8080', '[2001:db8::1]:80']],
    ['*:8080:localhost:80', 'local', ['*:8080', 'localhost:80']],
    ['*:8080:localhost:80', 'local', [':8080', 'localhost:80']],
    ['/run/a.sock:localhost:80', 'local', ['/run/a.sock', 'localhost:80']],
    ['8080:/run/a.sock', 'local', ['8080', '/run/a.sock']],
    ['host:8080:/run/a.sock', 'local', ['host:8080', '/run/a.sock']],
    ['/run/a.sock:/run/b.sock', 'local', ['/run/a.sock', '/run/b.sock']],
    ['[/run/a:b]:localhost:80', 'local', ['[/run/a:b]', 'localhost:80']],
    ['[/run/a:b]:localhost:80', 'local', ['/run/a\\:b', 'localhost:80']],
    ['/run/me/a.sock:localhost:80', 'local', ['${FOLDER}/a.sock', 'localhost:80']],
    ['8080:localhost:80', 'local', ['${PORT}', 'localhost:80']],
    ['/%h:localhost:80', 'local', ['${PERCENT}', 'localhost:80']],
    ['0:localhost:80', 'remote', ['0', 'localhost:80']],
    ['1080', 'remote', ['1080']],
    ['*:1080', 'remote', ['*:1080']],
    ['1080', 'dynamic', ['1080']],
    ['[::1]:1080', 'dynamic', ['[::1]:1080']],
    ['/run/socks', 'dynamic', ['/run/socks']],
    [`/${'é'.repeat(53)}:localhost:80`, 'local', [`/${'é'.repeat(53)}`, 'localhost:80']],
  ])('gives %s', (text, kind, parts) => {
    expect(textOf(kind, ...parts)).toBe(text);
  });

  it.each<[ConfiguredForwardKind, string[]]>([
    ['local', []], ['local', ['8080']], ['local', ['8080', '']], ['local', ['8080', 'localhost']], ['local', ['0', 'localhost:80']], ['local', ['8080', 'localhost:0']],
    ['local', ['70000', 'localhost:80']], ['local', ['x', 'localhost:80']], ['local', ['8080', 'localhost:80', 'more']], ['local', ['[::1:8080', 'localhost:80']],
    ['local', ['a:b:8080', 'localhost:80']], ['local', ['${UNSET}', 'localhost:80']], ['local', [`/${'x'.repeat(120)}`, 'localhost:80']], ['local', [`/${'é'.repeat(54)}`, 'localhost:80']],
    ['dynamic', ['1080', '80']], ['dynamic', ['0']], ['dynamic', ['a:b:1080']], ['remote', ['8080', 'localhost']],
  ])('refuses %s %j', (kind, parts) => {
    expect(textOf(kind, ...parts)).toBeUndefined();
  });
});
