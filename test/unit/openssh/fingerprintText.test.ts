import { describe, expect, it } from 'vitest';
import { namesKey } from '../../../src/openssh/fingerprintText.ts';

/** A key and what `ssh-keygen -lf` says of it, with -E sha256 and -E md5. */
const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const SHA256 = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';
const MD5 = 'MD5:65:96:2d:fc:e8:d5:a9:11:64:0c:0f:ea:00:6e:5b:bd';

describe('a text names a key', () => {
  it.each([
    SHA256, SHA256.slice('SHA256:'.length), `${SHA256}=`, SHA256.replace('SHA256', 'sha256'), ` ${SHA256}\n`,
    MD5, MD5.slice('MD5:'.length), MD5.toUpperCase(),
    `256 ${SHA256} root@host (ED25519)`, `256 ${MD5} root@host (ED25519)`, `The fingerprint is "${SHA256}".`,
    `3072 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA root@host (RSA) 256 ${SHA256} root@host (ED25519)`,
    KEY, `ssh-ed25519 ${KEY} root@host`, `[host]:2222 ssh-ed25519 ${KEY}`,
  ])('%j', (text) => {
    expect(namesKey(text, KEY)).toBe(true);
  });

  it.each([
    '', ' ', 'SHA256:', 'MD5:', 'yes', SHA256.slice(0, -1), SHA256.toLowerCase(), SHA256.replace('SHA256:', 'SHA512:'), MD5.slice(0, -3), MD5.replaceAll(':', ''),
    `x${SHA256.slice('SHA256:'.length)}`, KEY.slice(0, -4), 'ssh-ed25519', '=',
  ])('%j does not', (text) => {
    expect(namesKey(text, KEY)).toBe(false);
  });
});
