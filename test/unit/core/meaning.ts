import type { ParseResult, Reading } from '../../../src/core/forwardParser.ts';
import { isProxy, type ForwardSpec, type SshDestination, type SshRule } from '../../../src/core/forwardSpec.ts';

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
  return spec.kind === 'relay' ? describePoles(spec) : `${describePoles(spec)} via ${describeTarget(spec.target)}`;
}

const FLAGS = { local: '', relay: '', remote: '-R ', 'remote-dynamic': '-R ', dynamic: '-D ' };

function describePoles(spec: ForwardSpec | SshRule): string {
  const listen = `${FLAGS[spec.kind]}${spec.listen.host} ${spec.listen.port}`;
  return isProxy(spec) ? listen : `${listen} > ${spec.connect.host} ${spec.connect.port}`;
}

function describeTarget({ host, user, port }: SshDestination): string {
  return [...(user === undefined ? [] : [`user ${user}`]), `host ${host}`, ...(port === undefined ? [] : [`port ${port}`])].join(' ');
}

/** A text with the stretch that is to blame between ⟦ and ⟧. */
export function marked(text: string): { readonly text: string; readonly start: number; readonly end: number } {
  return { text: text.replace(/[⟦⟧]/g, ''), start: text.indexOf('⟦'), end: text.indexOf('⟧') - 1 };
}
