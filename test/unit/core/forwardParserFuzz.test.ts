import { expect, it } from 'vitest';
import { isSocketPath, type Endpoint } from '../../../src/core/address.ts';
import { parseForward, type ParseResult, type Reading } from '../../../src/core/forwardParser.ts';
import { isProxy, portCountOf, type ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { formatForward } from '../../../src/core/forwardText.ts';

/** What forwards are made of, and what should not be there. */
const FLAGS = ['', '', '', '', '8080:web:', '/run/l:', 'udp:', 'udp:53:', 'udp:53:web:', '-L ', '-R udp:', '-R ', '-D ', '-L', '-fND', 'ssh -R ', 'ssh -N -L ', 'ssh -g -D ', 'ssh -D 1081 -R '];
const FIELDS = ['0', '1', '1080', '9000', '65535', '65536', 'localhost', 'web', '10.0.0.1', '[::1]', '[fe80::1%eth0]', '*', '', '::1', '日本', '8000-8010', '1-11', '9-8', '65535-65536', '1-2000',
  '/run/x.sock', '/tmp/y', '~/z', '[/a:b,c]', '[/a\\b]', '"/a b"', "/it\\'s", '/', './r', '${HOME}/h', '\\\\.\\pipe\\p', '[\\\\.\\pipe\\a:b]', 'web:80,db:81', '/q,/r,22', '80,', 'db:1-11,x:1'];
const SERVERS = ['', '', '', '', ' remhost', ' send-proxy-v2', ' send-proxy-v2', ' send-proxy-v2', ' send-proxy-v2 remhost', ' -> web:80,db:81', ' → /run/o', '->9', ' me@remhost', ' bastion:22', ' ssh://me@bastion:2222/', ' [::1]:22', ' -p 3 me@bastion', ' CORP\\me@bastion', ' a b', ' -J jump host'];
const NOISE = [' ', ':', '[', ']', '-', '@', '"', '\'', '\\', '$(id)', ';', '->', '--', '%', '-o Port=3 ', '\u202e', '\ud800', '\n', '\0', '9', '/', '~/', ',', '-', 'udp:', ' send-proxy-v2', '%h', '${', '\\\'', '=>'];
const TEXTS = 10_000;

/** A sequence that is the same at every run: Numerical Recipes' linear congruence. */
function chanceFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function* texts(): Generator<string> {
  const chance = chanceFrom(4);
  const one = (of: readonly string[]): string => of[chance(of.length)]!;
  for (let count = 0; count < TEXTS; count += 1) {
    const text = `${one(FLAGS)}${Array.from({ length: 1 + chance(4) }, () => one(FIELDS)).join(':')}${one(SERVERS)}`;
    const at = chance(text.length + 1);
    yield chance(2) === 0 ? text : `${text.slice(0, at)}${one(NOISE)}${text.slice(at + chance(2))}`;
  }
}

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

it('whatever is typed is a forward that reads back as itself, or is refused at a place that is there', () => {
  const seen = { refused: 0, local: 0, remote: 0, dynamic: 0, 'remote-dynamic': 0, relay: 0, udp: 0, socket: 0, range: 0, failover: 0, header: 0 };
  for (const text of texts()) {
    const result = parse(text);
    if (!result.isValid) {
      const { message, start, end } = result.problem;
      expect(message.length > 0 && start >= 0 && start <= end && end <= text.length, JSON.stringify([text, result.problem])).toBe(true);
      seen.refused += 1;
      continue;
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
  }
  // The texts are worth something only if they are of every kind.
  for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(10);
});
