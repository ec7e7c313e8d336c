import ssh2 from 'ssh2';

/**
 * A new ed25519 host key for a server of ssh2's. One in 256 of those that it generates it cannot read itself, because it
 * drops a leading zero byte; such a one is thrown away.
 */
export function generateHostKey() {
  for (;;) {
    const keys = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(keys.private) instanceof Error)) return keys;
  }
}
