import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { readEntries, toEntry, updateEntries } from '../../../src/core/forwardEntry.ts';
import { isExpected, isSameCheck, type HealthCheck } from '../../../src/core/healthCheck.ts';

const WEB = { forward: '8080:127.0.0.1:80' };

const read = (healthCheck: unknown, entry: object = WEB) => readEntries([{ ...entry, healthCheck }]);

describe('a health check in the settings', () => {
  it.each<HealthCheck>([
    { kind: 'connect' }, { kind: 'connect', intervalSeconds: 5, timeoutSeconds: 0.5 }, { kind: 'http' }, { kind: 'http', path: '/health?deep=%20', status: 503, intervalSeconds: 60, timeoutSeconds: 60 },
  ])('is read and written back as it stands: %j', (check) => {
    const [definition] = read(check).definitions;
    expect(definition?.healthCheck).toEqual(check);
    expect(toEntry(definition!)).toMatchObject({ healthCheck: check });
  });

  it.each([
    ['a tunnel', { forward: '5432:db:5432', target: 'bastion' }], ['one that the server listens for', { forward: '-R 9000:localhost:3000', target: 'remhost' }],
    ['a range', { forward: '8000-8010:localhost:8000-8010', target: 'bastion' }], ['a socket', { forward: '8080:/run/app.sock', target: 'bastion' }], ['several destinations', { forward: '5432:db1:5432,db2:5432' }],
  ])('is for %s', (_, entry) => {
    expect(read({ kind: 'connect' }, entry).problems).toEqual([]);
  });

  it.each([['a proxy', { forward: '-D 1080', target: 'bastion' }], ['the proxy of a server', { forward: '-R 1080', target: 'bastion' }], ['datagrams', { forward: 'udp:5353:192.0.2.53:53' }]])('is refused for %s, with the reason', (_, entry) => {
    expect(read({ kind: 'connect' }, entry).problems).toMatchObject([{ message: expect.stringMatching(/^"healthCheck" is for forwards with one destination/) as string }]);
  });

  it.each<[unknown, RegExp]>([
    ['tcp', /must be an object/], [[], /must be an object/], [null, /must be an object/], [{}, /"kind".*"connect" or "http"/], [{ kind: 'tcp' }, /"connect" or "http"/],
    [{ kind: 'connect', path: '/' }, /for a "healthCheck" of the kind "http"/], [{ kind: 'connect', status: 200 }, /of the kind "http"/], [{ kind: 'http', method: 'HEAD' }, /has no "method"/],
    [{ kind: 'http', path: 'health' }, /must begin with "\/"/], [{ kind: 'http', path: '/a b' }, /no space/], [{ kind: 'http', path: '/a\r\nHost: x' }, /no space/], [{ kind: 'http', path: '/ä' }, /only ASCII/], [{ kind: 'http', path: '/#a' }, /no "#"/],
    [{ kind: 'http', path: `/${'a'.repeat(1_000)}` }, /at most 1000/], [{ kind: 'http', status: 100 }, /200 to 599/], [{ kind: 'http', status: 200.5 }, /200 to 599/], [{ kind: 'http', status: '200' }, /200 to 599/],
    [{ kind: 'connect', intervalSeconds: 4.9 }, /from 5 to 86400/], [{ kind: 'connect', intervalSeconds: 86_401 }, /from 5/], [{ kind: 'connect', intervalSeconds: Number.NaN }, /from 5/],
    [{ kind: 'connect', timeoutSeconds: 0 }, /above 0 and at most the interval, 30/], [{ kind: 'connect', timeoutSeconds: 6, intervalSeconds: 5 }, /at most the interval, 5/],
  ])('is refused as %j', (check, message) => {
    expect(read(check).problems).toMatchObject([{ message: expect.stringMatching(message) as string }]);
  });

  it('is taken out of the entry when it is taken away, put in when it is added, and left to the letter where only its defaults are spelt out', () => {
    const raw = { ...WEB, id: 'web', colour: 'blue', healthCheck: { kind: 'http', path: '/', intervalSeconds: 30 } };
    const [definition] = readEntries([raw]).definitions;
    const { healthCheck: _, ...plain } = definition!;
    expect(updateEntries([raw], [plain])).toEqual([{ ...WEB, id: 'web', colour: 'blue' }]);
    expect(updateEntries([{ ...WEB, id: 'web' }], [{ ...plain, healthCheck: { kind: 'connect' } }])).toEqual([{ ...WEB, id: 'web', healthCheck: { kind: 'connect' } }]);
    expect(updateEntries([raw], [{ ...plain, healthCheck: { kind: 'http' } }])).toEqual([raw]);
  });

  it('has the fields, kinds and bounds that the schema offers', () => {
    const { properties: { kind, path, status, intervalSeconds }, required } = manifest.contributes.configuration.properties['culvert.forwards'].items.properties.healthCheck;
    expect(required).toEqual(['kind']);
    for (const each of kind.enum) expect(read({ kind: each }).problems, each).toEqual([]);
    for (const bound of [status.minimum, status.maximum]) expect(read({ kind: 'http', status: bound }).problems).toEqual([]);
    for (const bound of [intervalSeconds.minimum, intervalSeconds.maximum]) expect(read({ kind: 'connect', intervalSeconds: bound }).problems).toEqual([]);
    const pattern = new RegExp(path.pattern, 'u');
    for (const text of ['/', '/a?b=%20&c', '/a b', '/#a', 'a', '/ä', '/"', '/~']) expect(pattern.test(text), text).toBe(read({ kind: 'http', path: text }).problems.length === 0);
  });
});

describe('a status', () => {
  it('is as expected from 200 to 399, or when it is the one that was asked for', () => {
    expect([199, 200, 204, 304, 399, 400, 503].filter((status) => isExpected(status, { kind: 'http' }))).toEqual([200, 204, 304, 399]);
    expect([200, 401].filter((status) => isExpected(status, { kind: 'http', status: 401 }))).toEqual([401]);
  });
});

describe('two checks', () => {
  it('are the same when they ask the same, as often and as patiently', () => {
    expect(isSameCheck({ kind: 'http' }, { kind: 'http', path: '/', intervalSeconds: 30, timeoutSeconds: 5 })).toBe(true);
    const checks: (HealthCheck | undefined)[] = [undefined, { kind: 'connect' }, { kind: 'http' }, { kind: 'http', path: '/a' }, { kind: 'http', status: 200 }, { kind: 'http', intervalSeconds: 5 }, { kind: 'http', timeoutSeconds: 1 }];
    for (const [index, one] of checks.entries()) for (const [other, another] of checks.entries()) expect(isSameCheck(one, another)).toBe(index === other);
  });
});
