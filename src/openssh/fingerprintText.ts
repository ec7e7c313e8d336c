import { createHash } from 'node:crypto';
import { fingerprint } from './keyBlob.ts';

/**
 * Whether a text that somebody was given names this key (base64): its fingerprint as SHA256 or MD5, with or without the name of
 * the digest, alone or within what `ssh-keygen -l` prints; or the key itself, as in a `.pub` file or known_hosts.
 */
export function namesKey(text: string, key: string): boolean {
  const sha256 = fingerprint(key).slice(SHA256.length);
  const md5 = (createHash('md5').update(Buffer.from(key, 'base64')).digest('hex').match(/../g) ?? []).join(':');
  return text.split(/\s+/).map((word) => word.replace(/^["'(]+|["').,;]+$/g, '')).some((word) => {
    const digest = word.replace(/^(?:SHA256|MD5):/i, '');
    return digest.replace(/=$/, '') === sha256 || digest.toLowerCase() === md5 || word === key;
  });
}

const SHA256 = 'SHA256:';
