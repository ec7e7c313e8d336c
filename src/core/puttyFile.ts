/** A private key file of PuTTY's as it is written (PuTTY manual, appendix C.2): nothing is decoded, nothing is checked. */
export interface PuttyFile {
  readonly version: 2 | 3;
  /** As SSH names it: `ssh-ed25519`. */
  readonly keyType: string;
  readonly encryption: string;
  readonly comment: string;
  /** The public key blob (RFC 4253 section 6.6), base64; it is never encrypted. */
  readonly publicKey: string;
  /** How a passphrase becomes keys; version 3 with encryption alone has it. */
  readonly derivation?: PuttyDerivation;
  /** Base64, encrypted or not. */
  readonly privateKey: string;
  /** Hex. */
  readonly mac: string;
}

/** The parameters of Argon2 (RFC 9106). */
export interface PuttyDerivation {
  readonly flavour: string;
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  /** Hex. */
  readonly salt: string;
}

/** The version that the first line of a file of PuTTY's names; undefined for any other file. */
export function puttyVersionOf(text: string): string | undefined {
  return /^PuTTY-User-Key-File-(\d{1,9}): /.exec(text)?.[1];
}

const BASE64_LINES = '((?:[A-Za-z0-9+/]+={0,2}\n)+)';
const WHOLE_FILE = new RegExp(
  '^PuTTY-User-Key-File-(?<version>[23]): (?<keyType>[!-~]+)\n'
  + 'Encryption: (?<encryption>[!-~]+)\n'
  + 'Comment: (?<comment>[^\n]*)\n'
  + `Public-Lines: (?<publicLines>\\d+)\n(?<publicKey>${BASE64_LINES})`
  + '(?:Key-Derivation: (?<flavour>[!-~]+)\n'
  + 'Argon2-Memory: (?<memoryKib>\\d+)\n'
  + 'Argon2-Passes: (?<passes>\\d+)\n'
  + 'Argon2-Parallelism: (?<parallelism>\\d+)\n'
  + 'Argon2-Salt: (?<salt>(?:[0-9a-fA-F]{2})+)\n)?'
  + `Private-Lines: (?<privateLines>\\d+)\n(?<privateKey>${BASE64_LINES})`
  + 'Private-MAC: (?<mac>[0-9a-fA-F]+)\n*$',
);

/** Reads a file whose lines end in any way; undefined when it is damaged or of another version than 2 and 3. */
export function parsePuttyFile(text: string): PuttyFile | undefined {
  const groups = WHOLE_FILE.exec(`${text.replace(/\r\n?/g, '\n')}\n`)?.groups;
  if (groups === undefined) return undefined;
  const { version, keyType = '', encryption = '', comment = '', publicKey = '', privateKey = '', mac = '' } = groups;
  if (lineCount(publicKey) !== Number(groups['publicLines']) || lineCount(privateKey) !== Number(groups['privateLines'])) return undefined;
  const isStretched = version === '3' && encryption !== 'none';
  const derivation = derivationOf(groups);
  if (isStretched !== (derivation !== undefined)) return undefined;
  return {
    version: version === '3' ? 3 : 2,
    keyType,
    encryption,
    comment,
    publicKey: joined(publicKey),
    ...(derivation === undefined ? {} : { derivation }),
    privateKey: joined(privateKey),
    mac,
  };
}

function derivationOf({ flavour, memoryKib, passes, parallelism, salt }: Readonly<Record<string, string | undefined>>): PuttyDerivation | undefined {
  if (flavour === undefined || salt === undefined) return undefined;
  return { flavour, memoryKib: Number(memoryKib), passes: Number(passes), parallelism: Number(parallelism), salt };
}

function lineCount(lines: string): number {
  return lines.split('\n').length - 1;
}

function joined(lines: string): string {
  return lines.replaceAll('\n', '');
}
