import type { HostPort } from '../../../src/core/address.ts';
import type { ParseResult, Reading } from '../../../src/core/forwardParser.ts';
import type { SshDestination } from '../../../src/core/forwardSpec.ts';

/** What a text was understood as, one line per reading, in a notation of the tests' own. */
export function meaningOf(result: ParseResult): readonly string[] {
  return result.isValid ? result.readings.map(describeReading) : [`refused: ${result.problem.message}`];
}

function describeReading(reading: Reading): string {
  if (reading.kind === 'needs-target') return `${describePoles(reading.poles)} via ?`;
  const { spec } = reading;
  return spec.kind === 'relay' ? describePoles(spec) : `${describePoles(spec)} via ${describeTarget(spec.target)}`;
}

function describePoles({ listen, connect }: { readonly listen: HostPort; readonly connect: HostPort }): string {
  return `${listen.host} ${listen.port} > ${connect.host} ${connect.port}`;
}

function describeTarget({ host, user, port }: SshDestination): string {
  return [...(user === undefined ? [] : [`user ${user}`]), `host ${host}`, ...(port === undefined ? [] : [`port ${port}`])].join(' ');
}

/** A text with the stretch that is to blame between ⟦ and ⟧. */
export function marked(text: string): { readonly text: string; readonly start: number; readonly end: number } {
  return { text: text.replace(/[⟦⟧]/g, ''), start: text.indexOf('⟦'), end: text.indexOf('⟧') - 1 };
}
