import { createHash } from 'node:crypto';
import { argon2d, argon2i, argon2id } from '@noble/hashes/argon2.js';
import type { PuttyDerivation, PuttyFile } from '../../core/puttyFile.ts';

/** What a passphrase becomes (PuTTY manual, appendix C.4 and C.5). */
export interface PuttyKeys {
  readonly cipherKey: Buffer;
  readonly initialVector: Buffer;
  readonly macKey: Buffer;
}

/** It is taken from the memory of the process that all extensions share; PuTTYgen takes 8 MiB. */
const MEMORY_MAX_KIB = 1024 * 1024;

/** Memory times passes: about a minute here, and fifty times what PuTTYgen takes. */
const WORK_MAX_KIB = 16 * 1024 * 1024;

/** RFC 9106 section 3.1. */
const SALT_MIN_BYTES = 8;

const FLAVOURS: Readonly<Record<string, typeof argon2id>> = { Argon2id: argon2id, Argon2i: argon2i, Argon2d: argon2d };

const CIPHER_KEY_BYTES = 32;
const BLOCK_BYTES = 16;
const MAC_KEY_BYTES = 32;

/** Why no passphrase can open this file here, to follow a name and a colon; undefined when one can. */
export function derivationRefusal({ flavour, memoryKib, passes, parallelism, salt }: PuttyDerivation): string | undefined {
  if (!Object.hasOwn(FLAVOURS, flavour)) return `its passphrase is stretched with ${flavour}, which is not known here`;
  if (memoryKib > MEMORY_MAX_KIB) return tooMuch(`${String(Math.ceil(memoryKib / 1024))} MiB of memory, more than ${String(MEMORY_MAX_KIB / 1024)}`);
  if (memoryKib * passes > WORK_MAX_KIB) return tooMuch(`${String(passes)} passes over ${String(Math.ceil(memoryKib / 1024))} MiB, too long to wait for`);
  const isPossible = passes >= 1 && parallelism >= 1 && memoryKib >= 8 * parallelism && salt.length >= 2 * SALT_MIN_BYTES;
  return isPossible ? undefined : 'it is damaged: the parameters of Argon2 are impossible';
}

function tooMuch(cost: string): string {
  return `unlocking it takes ${cost}; write it anew with "puttygen FILE --reencrypt -o NEWFILE"`;
}

/** Derives the keys. Slow and hungry for memory with Argon2: up to what `derivationRefusal()` lets pass, so not in the plane's thread. */
export function deriveKeys({ derivation, version, encryption }: PuttyFile, passphrase: string): PuttyKeys {
  if (derivation !== undefined) return stretched(derivation, passphrase);
  const isEncrypted = encryption !== 'none';
  return version === 3 ? { ...NO_CIPHER, macKey: Buffer.alloc(0) } : digested(isEncrypted ? passphrase : '');
}

const NO_CIPHER = { cipherKey: Buffer.alloc(CIPHER_KEY_BYTES), initialVector: Buffer.alloc(BLOCK_BYTES) };

function stretched({ flavour, memoryKib, passes, parallelism, salt }: PuttyDerivation, passphrase: string): PuttyKeys {
  const stretch = FLAVOURS[flavour] ?? argon2id;
  const dkLen = CIPHER_KEY_BYTES + BLOCK_BYTES + MAC_KEY_BYTES;
  const bytes = Buffer.from(stretch(Buffer.from(passphrase), Buffer.from(salt, 'hex'), { m: memoryKib, t: passes, p: parallelism, dkLen }));
  return {
    cipherKey: bytes.subarray(0, CIPHER_KEY_BYTES),
    initialVector: bytes.subarray(CIPHER_KEY_BYTES, CIPHER_KEY_BYTES + BLOCK_BYTES),
    macKey: bytes.subarray(CIPHER_KEY_BYTES + BLOCK_BYTES),
  };
}

/** Version 2: SHA-1 of the passphrase, once for each half of the key. */
function digested(passphrase: string): PuttyKeys {
  const half = (index: number): Buffer => createHash('sha1').update(Buffer.of(0, 0, 0, index)).update(passphrase).digest();
  return {
    cipherKey: Buffer.concat([half(0), half(1)]).subarray(0, CIPHER_KEY_BYTES),
    initialVector: Buffer.alloc(BLOCK_BYTES),
    macKey: createHash('sha1').update('putty-private-key-file-mac-key').update(passphrase).digest(),
  };
}
