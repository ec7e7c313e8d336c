import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { readEntries, toEntry } from '../../../src/core/forwardEntry.ts';
import { define, DYNAMIC, FAILOVER, LOCAL, RANGE, RELAY, REMOTE, REMOTE_DYNAMIC, SOCKETS, UDP } from './samples.ts';

const { items } = manifest.contributes.configuration.properties['culvert.forwards'];

type PropertyName = keyof typeof items.properties;

/** As far as the schema goes: types, required fields, unknown fields, lengths and patterns (with the flag that VS Code's JSON service sets). */
function fitsSchema(entry: Readonly<Record<string, unknown>>): boolean {
  if (items.required.some((name) => entry[name] === undefined)) return false;
  return Object.entries(entry).every(([name, value]) => {
    if (!(name in items.properties)) return items.additionalProperties;
    const property: { type: string; pattern?: string; minLength?: number } = items.properties[name as PropertyName];
    if (typeof value !== property.type) return false;
    if (typeof value !== 'string') return true;
    return value.length >= (property.minLength ?? 0) && (property.pattern === undefined || new RegExp(property.pattern, 'u').test(value));
  });
}

const isReadable = (entry: unknown): boolean => readEntries([entry]).problems.length === 0;

describe('the schema of the setting and its reader agree', () => {
  it.each<Readonly<Record<string, unknown>>>([
    { forward: '5432:localhost:5432', target: 'me@bastion' },
    { forward: '0:db:5432', target: 'bastion' },
    { forward: '5432', target: 'me@bastion:2222' },
    { forward: 'db:5432', target: 'ssh://me@bastion:2222' },
    { forward: '*:80:[2001:db8::1]:80', target: '[2001:db8::2]:22' },
    { forward: '[::1]:80:h:80' },
    { forward: ':80:h:80' },
    { forward: '8080:127.0.0.1:80', name: 'web', autoStart: true, id: 'x' },
    { forward: '2323:23' },
    { forward: '2323 -> 23' },
    { forward: '5432:db:5432 me@bastion' },
    { forward: 'ssh -N -L 5432:db:5432 me@bastion' },
    { forward: '-R 9000:localhost:3000', target: 'remhost' },
    { forward: '-R 0:localhost:3000', target: 'remhost' },
    { forward: '-R *:9000:[::1]:3000', target: 'remhost' },
    { forward: '-R 9000', target: 'remhost' },
    { forward: '-R9000 remhost' },
    { forward: '-D 1080', target: 'remhost' },
    { forward: '-D [::1]:1080 remhost' },
    { forward: 'ssh -D 1080 remhost' },
    { forward: 'ssh -fND 1080 -p 2222 me@remhost' },
    { forward: '/run/x.sock:h:80' },
    { forward: '80:/run/x.sock' },
    { forward: '~/a.sock:/run/docker.sock', target: 'remhost' },
    { forward: '/a.sock -> /b.sock' },
    { forward: '-R /run/a.sock:/tmp/b.sock', target: 'remhost' },
    { forward: '-R /run/a.sock:localhost:80 remhost' },
    { forward: '80:[/tmp/with:colon.sock]' },
    { forward: String.raw`80:\\.\pipe\docker_engine` },
    { forward: 'udp:5353:10.0.0.2:53' },
    { forward: 'udp:*:53:[2001:db8::1]:53' },
    { forward: '8000-8010:h:9000-9010' },
    { forward: '8000-8010', target: 'remhost' },
    { forward: '5432:db1:5432,db2:5432,[::1]:5433' },
    { forward: '5432:db1:5432,/run/db.sock' },
    { forward: '8080:h:80 send-proxy-v2' },
    { forward: '/a.sock:/b.sock send-proxy-v2' },
  ])('both take %j', (entry) => {
    expect(readEntries([entry]).problems).toEqual([]);
    expect(fitsSchema(entry)).toBe(true);
  });

  it.each<Readonly<Record<string, unknown>>>([
    {},
    { name: 'web' },
    { forward: '' },
    { forward: 'db' },
    { forward: '5432:db:' },
    { forward: '5432:db:postgres', target: 'b' },
    { forward: '123456', target: 'b' },
    { forward: 'https://h:80' },
    { forward: '80:h:1-x' },
    { forward: '80:/' },
    { forward: 'udp:53:h' },
    { forward: String.raw`80:\\.\pip\x` },
    { forward: '-R', target: 'b' },
    { forward: '-D db', target: 'b' },
    { forward: '-D http://h', target: 'b' },
    { forward: '-X 1080', target: 'b' },
    { forward: 5432 },
    { forward: '1:2', target: '' },
    { forward: '1:2', target: '-oProxyCommand=x' },
    { forward: '1:2', target: 'two words' },
    { forward: '1:2', target: 7 },
    { forward: '1:2', name: 7 },
    { forward: '1:2', autoStart: 'yes' },
    { forward: '1:2', id: 7 },
  ])('both refuse %j', (entry) => {
    expect(fitsSchema(entry)).toBe(false);
    expect(isReadable(entry)).toBe(false);
  });

  // A pattern cannot count: what is refused here is said in the view.
  it.each<Readonly<Record<string, unknown>>>([
    { forward: '70000:h:80' }, { forward: '1:2:3:4:5:6' }, { forward: '80:h:0' }, { forward: '5432' }, { forward: '1:2', target: 'a;b' }, { forward: '1:2 b', target: 'a' },
    { forward: '8000-8010:h:80' }, { forward: '-D /run/x.sock', target: 'b' }, { forward: 'udp:53:h:53', target: 'b' }, { forward: '80:h:80 send-proxy-v2', target: 'b' },
    { forward: '-D 1:2', target: 'b' }, { forward: '-D 1080' }, { forward: 'ssh -J jump -D 1080 b' }, { forward: '-D 1080 -R 9000', target: 'b' },
  ])('the reader alone refuses %j', (entry) => {
    expect(fitsSchema(entry)).toBe(true);
    expect(isReadable(entry)).toBe(false);
  });

  // Works, but is discouraged: the editor underlines it.
  it.each<Readonly<Record<string, unknown>>>([
    { forward: '2323→23' }, { forward: '1:2', comment: 'mine' },
  ])('the schema alone complains about %j', (entry) => {
    expect(fitsSchema(entry)).toBe(false);
    expect(isReadable(entry)).toBe(true);
  });

  it('both take what Culvert itself writes', () => {
    for (const spec of [LOCAL, RELAY, REMOTE, DYNAMIC, REMOTE_DYNAMIC, UDP, RANGE, FAILOVER, SOCKETS, { ...SOCKETS, sendsProxyHeader: true } as const, { ...REMOTE, listen: { host: '::', port: 0 } }, { ...RELAY, listen: { host: '::', port: 0 }, connect: { host: '::1', port: 65535 } }]) {
      for (const name of ['', 'Database']) {
        const entry = { ...toEntry(define('a', { spec, name, autoStart: true })) };
        expect(fitsSchema(entry), JSON.stringify(entry)).toBe(true);
        expect(readEntries([entry]).definitions).toEqual([define('a', { spec, name, autoStart: true })]);
      }
    }
  });

  it('and the snippets and examples are what they describe', () => {
    for (const { body } of items.defaultSnippets) {
      const entry = JSON.parse(JSON.stringify(body).replace(/\$\{\d+:([^}]*)\}/g, '$1')) as Record<string, unknown>;
      expect(fitsSchema(entry)).toBe(true);
      expect(readEntries([entry]).problems).toEqual([]);
    }
    for (const forward of items.properties.forward.examples) {
      // Some need a server, and some have none.
      expect(isReadable({ forward, target: 'b' }) || isReadable({ forward }), forward).toBe(true);
      expect(fitsSchema({ forward })).toBe(true);
    }
    for (const target of items.properties.target.examples) expect(isReadable({ forward: '1:2', target })).toBe(true);
  });
});
