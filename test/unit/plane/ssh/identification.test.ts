import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../../src/core/failure.ts';
import { Identification } from '../../../../src/plane/ssh/identification.ts';

const IDENTIFICATION = 'SSH-2.0-OpenSSH_9.2p1\r\n';

/** What is given on of these pieces, and the greeting. */
function take(...pieces: readonly (string | Buffer)[]): { given: string | undefined; greeting: string[]; identification: Identification } {
  const greeting: string[] = [];
  const identification = new Identification((line) => greeting.push(line));
  let given: string | undefined;
  for (const piece of pieces) given ??= identification.take(Buffer.from(piece))?.toString('latin1');
  return { given, greeting, identification };
}

function refusalOf(...pieces: readonly (string | Buffer)[]): ForwardError {
  try {
    take(...pieces);
  } catch (error) {
    if (error instanceof ForwardError) return error;
  }
  throw new Error('it was not refused');
}

describe('the identification of an SSH server', () => {
  it('is given on with what followed it', () => {
    const { given, greeting, identification } = take(`${IDENTIFICATION}\u0000\u0001binary\n`);
    expect(given).toBe(`${IDENTIFICATION}\u0000\u0001binary\n`);
    expect(greeting).toEqual([]);
    expect(identification.isDone).toBe(true);
  });

  it('may come byte by byte', () => {
    expect(take(...IDENTIFICATION.split(/(?=.)/su)).given).toBe(IDENTIFICATION);
  });

  it('may come without the carriage return, and after lines of text, which are kept back', () => {
    const { given, greeting } = take('Welcome to\r\n\r\nthe\u001b[31mjungle\n', 'SSH-', '2.0-dropbear\nrest');
    expect(given).toBe('SSH-2.0-dropbear\nrest');
    expect(greeting).toEqual(['Welcome to', 'the [31mjungle']);
  });

  it('may have 1023 lines before it, and no more', () => {
    expect(take('x\n'.repeat(1_023), IDENTIFICATION).given).toBe(IDENTIFICATION);
    expect(refusalOf('x\n'.repeat(1_024), IDENTIFICATION)).toMatchObject({ code: 'not-ssh', context: { said: 'x' } });
  });

  it('may have 8192 bytes a line, and no more', () => {
    expect(take(`${'x'.repeat(8_191)}\n`, IDENTIFICATION).given).toBe(IDENTIFICATION);
    expect(refusalOf('x'.repeat(5_000), 'x'.repeat(5_000))).toMatchObject({ code: 'not-ssh', context: { reason: 'it sends a line without end' } });
  });

  it('of a server that speaks version 1 too is taken, of one that speaks nothing else is not', () => {
    expect(take('SSH-1.99-Cisco-1.25\n').given).toBe('SSH-1.99-Cisco-1.25\n');
    expect(refusalOf('SSH-1.5-Cisco-1.25\n')).toMatchObject({ code: 'handshake-failed' });
  });
});

describe('a server that is no SSH server', () => {
  it.each<[string, string | Buffer, string]>([
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n', 'it speaks HTTP'],
    ['TLS', Buffer.of(0x15, 0x03, 0x01, 0, 2, 2, 0x46), 'it speaks TLS'],
    ['VNC', 'RFB 003.008\n', 'it speaks VNC'],
    ['Telnet', Buffer.of(0xff, 0xfd, 0x18), 'it speaks Telnet'],
    ['bytes', Buffer.of(0x4a, 0, 0, 0, 0x0a), 'it sends no text'],
  ])('is told by its first bytes: %s', (_, bytes, reason) => {
    expect(refusalOf(bytes)).toMatchObject({ code: 'not-ssh', context: { reason } });
    expect(refusalOf(...[...Buffer.from(bytes)].map((byte) => Buffer.of(byte)))).toMatchObject({ code: 'not-ssh', context: { reason } });
  });

  it('is quoted, cleaned and in a hundred characters', () => {
    expect(take('220 mail.example ESMTP\r\n').identification.said).toBe('220 mail.example ESMTP');
    expect(take('half a\u001b[2Jline').identification.said).toBe('half a [2Jline');
    expect(take('x'.repeat(5_000)).identification.said).toHaveLength(100);
    expect(take().identification.said).toBe('');
  });
});
