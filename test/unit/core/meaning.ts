import { isSocketPath, type Endpoint } from '../../../src/core/address.ts';
import type { ParseResult, Reading } from '../../../src/core/forwardParser.ts';
import { isProxy, isThroughSsh, type ForwardSpec, type SshDestination, type SshRule } from '../../../src/core/forwardSpec.ts';

/** What a text was understood as, one line per reading, in a notation of the tests' own; the several of one command stand together. */
export function meaningOf(result: ParseResult): readonly string[] {
  return result.isValid ? result.readings.map(describeReading) : [`refused: ${result.problem.message}`];
}

function describeReading(reading: Reading): string {
  switch (reading.kind) {
    case 'forward':
      return describeSpec(reading.spec);
    case 'forwards':
      return reading.specs.map(describeSpec).join(' & ');
    case 'needs-target':
      return `${reading.rules.map(describePoles).join(' & ')} via ?`;
  }
}

function describeSpec(spec: ForwardSpec): string {
  return isThroughSsh(spec) ? `${describePoles(spec)} via ${describeTarget(spec.target)}` : describePoles(spec);
}

const FLAGS = { local: '', relay: '', udp: 'udp ', remote: '-R ', 'remote-dynamic': '-R ', dynamic: '-D ' };

function describePoles(spec: ForwardSpec | SshRule): string {
  const listen = `${FLAGS[spec.kind]}${describeEndpoint(spec.listen)}`;
  if (isProxy(spec)) return listen;
  const { portCount, fallbacks = [], sendsProxyHeader = false }: { portCount?: number; fallbacks?: readonly Endpoint[]; sendsProxyHeader?: boolean } = spec;
  const words = [listen, '>', [spec.connect, ...fallbacks].map(describeEndpoint).join(' else ')];
  return [...words, ...(portCount === undefined ? [] : [`times ${portCount}`]), ...(sendsProxyHeader ? ['with header'] : [])].join(' ');
}

function describeEndpoint(endpoint: Endpoint): string {
  return isSocketPath(endpoint) ? endpoint.path : `${endpoint.host} ${endpoint.port}`;
}

function describeTarget({ host, user, port }: SshDestination): string {
  return [...(user === undefined ? [] : [`user ${user}`]), `host ${host}`, ...(port === undefined ? [] : [`port ${port}`])].join(' ');
}

/** A text with the stretch that is to blame between ⟦ and ⟧. */
export function marked(text: string): { readonly text: string; readonly start: number; readonly end: number } {
  return { text: text.replace(/[⟦⟧]/g, ''), start: text.indexOf('⟦'), end: text.indexOf('⟧') - 1 };
}
