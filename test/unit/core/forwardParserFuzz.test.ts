import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSocketPath, type Endpoint } from '../../../src/core/address.ts';
import { parseForward, type ParseResult, type Reading } from '../../../src/core/forwardParser.ts';
import { isProxy, portCountOf, type ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { formatForward } from '../../../src/core/forwardText.ts';
import { fuzz, fuzzPlan, tryLongRuns } from '../../support/fuzzing.ts';

/** What forwards are made of, and what should not be there. */
const FLAGS = ['', '', '', '', '8080:web:', '/run/l:', 'udp:', 'udp:53:', 'udp:53:web:', '-L ', '-R udp:', '-R ', '-D ', '-L', '-fND', 'ssh -R ', 'ssh -N -L ', 'ssh -g -D ', 'ssh -D 1081 -R '];
const FIELDS = ['0', '1', '1080', '9000', '65535', '65536', 'localhost', 'web', '10.0.0.1', '[::1]', '[fe80::1%eth0]', '*', '', '::1', '日本', '8000-8010', '1-11', '9-8', '65535-65536', '1-2000',
  '/run/x.sock', '/tmp/y', '~/z', '[/a:b,c]', '[/a\\b]', '"/a b"', "/it\\'s", '/', './r', '${HOME}/h', '\\\\.\\pipe\\p', '[\\\\.\\pipe\\a:b]', 'web:80,db:81', '/q,/r,22', '80,', 'db:1-11,x:1'];
const SERVERS = ['', '', '', '', ' remhost', ' send-proxy-v2', ' send-proxy-v2', ' send-proxy-v2', ' send-proxy-v2 remhost', ' -> web:80,db:81', ' → /run/o', '->9', ' me@remhost', ' bastion:22', ' ssh://me@bastion:2222/', ' [::1]:22', ' -p 3 me@bastion', ' CORP\\me@bastion', ' a b', ' -J jump host'];
const NOISE = [' ', ':', '[', ']', '-', '@', '"', '\'', '\\', '$(id)', ';', '->', '--', '%', '-o Port=3 ', '\u202e', '\ud800', '\n', '\0', '9', '/', '~/', ',', '-', 'udp:', ' send-proxy-v2', '%h', '${', '\\\'', '=>'];
const CASES = 10_000;
const { timeout } = fuzzPlan(CASES);

const proper = fc.record({ flag: fc.constantFrom(...FLAGS), fields: fc.array(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 4, size: 'max' }), server: fc.constantFrom(...SERVERS) })
  .map(({ flag, fields, server }) => `${flag}${fields.join(':')}${server}`);
/** Of the kinds that are seldom met by chance. */
const rare = fc.constantFrom('udp:53:10.0.0.2:53', 'udp:[::1]:5353:web:53', 'udp:9', '/a.sock:/run/b.sock', '8000-8010:web:8000-8010 remhost', '5432:db:1,db:2', '8080:web:80 send-proxy-v2', '-D 1080 remhost');
const damaged = fc.record({ text: fc.oneof({ arbitrary: proper, weight: 4 }, { arbitrary: rare, weight: 1 }), at: fc.nat(100), noise: fc.oneof(fc.constantFrom(...NOISE), fc.string({ unit: 'binary', maxLength: 3 })), lost: fc.nat(1) })
  .map(({ text, at, noise, lost }) => `${text.slice(0, at % (text.length + 1))}${noise}${text.slice(at % (text.length + 1) + lost)}`);
const texts = fc.oneof({ arbitrary: proper, weight: 9 }, { arbitrary: rare, weight: 1 }, { arbitrary: damaged, weight: 9 }, { arbitrary: fc.string({ unit: 'binary', maxLength: 60 }), weight: 1 });

const parse = (text: string): ParseResult => parseForward(text, { sshHosts: new Set(['remhost']) });

function specsOf(reading: Reading): readonly ForwardSpec[] {
  if (reading.kind === 'forward') return [reading.spec];
  return reading.kind === 'forwards' ? reading.specs : [];
}

function polesOf(spec: ForwardSpec): readonly Endpoint[] {
  return isProxy(spec) ? [spec.listen] : [spec.listen, spec.connect, ...('fallbacks' in spec ? spec.fallbacks ?? [] : [])];
}

const isStretch = (port: number, count: number): boolean => Number.isInteger(port) && port >= (count > 1 ? 1 : 0) && port + count - 1 <= 65_535;
const isPlain = (path: string): boolean => /^(?:~?\/|\\\\\.\\pipe\\)[^\p{Cc}[\]%]*[^\p{Cc}[\]%/]$/u.test(path);

it('whatever is typed is a forward that reads back as itself, or is refused at a place that is there', { timeout }, () => {
  const seen = { refused: 0, local: 0, remote: 0, dynamic: 0, 'remote-dynamic': 0, relay: 0, udp: 0, socket: 0, range: 0, failover: 0, header: 0 };
  fuzz({ cases: CASES, values: texts, check: (text) => {
    const result = parse(text);
    if (!result.isValid) {
      const { message, start, end } = result.problem;
      expect(message.length > 0 && start >= 0 && start <= end && end <= text.length, JSON.stringify([text, result.problem])).toBe(true);
      seen.refused += 1;
      return;
    }
    for (const spec of result.readings.flatMap(specsOf)) {
      seen[spec.kind] += 1;
      const again = parse(formatForward(spec));
      expect(again.isValid ? again.readings.flatMap(specsOf) : again, JSON.stringify(text)).toContainEqual(spec);
      expect(polesOf(spec).every((pole) => isSocketPath(pole) ? isPlain(pole.path) : isStretch(pole.port, portCountOf(spec))), JSON.stringify(text)).toBe(true);
      if (polesOf(spec).some(isSocketPath)) seen.socket += 1;
      if (portCountOf(spec) > 1) seen.range += 1;
      if ('fallbacks' in spec) seen.failover += 1;
      if ('sendsProxyHeader' in spec) seen.header += 1;
    }
  } });
  // The texts are worth something only if they are of every kind.
  for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(fuzzPlan(CASES).cases / 1_000);
});

it('a text that does not end takes no longer', { timeout }, () => {
  tryLongRuns((run) => {
    for (const text of [run, `8080:${run}:80 ${run}`, `ssh -L 8080:web:80 -o "${run}" remhost`]) expect(parse(text).isValid).toBe(false);
  });
});
