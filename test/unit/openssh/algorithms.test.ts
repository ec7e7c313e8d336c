import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { algorithmComplaint, ALGORITHM_OPTIONS, assembleAlgorithms, type AlgorithmOption } from '../../../src/openssh/algorithmNames.ts';
import { chooseAlgorithms, type ChosenAlgorithms } from '../../../src/openssh/algorithms.ts';
import { evaluateConfig } from '../../../src/openssh/sshConfig.ts';

const supported = createRequire(import.meta.url)('ssh2/lib/protocol/constants.js') as Record<string, readonly string[]>;
const SUBJECT = { name: 'web', host: 'web', port: 22, keepsHostKeyOrder: false };

function choose(config: string): ChosenAlgorithms {
  return chooseAlgorithms(evaluateConfig([{ path: '/c', text: config, includes: new Map() }], { host: 'web', localUser: 'me' }), SUBJECT, []);
}

/** Everything that OpenSSH has, asked for. */
const everything = (option: AlgorithmOption, name: string): string => `${name} ${assembleAlgorithms(option, '*')}\n`;

describe('chooseAlgorithms', () => {
  it('leaves the order to the engine where nothing is set', () => {
    expect(Object.keys(choose('').hop)).toEqual(['hostKeyAlgorithms']);
    expect(choose(`Ciphers ${assembleAlgorithms('ciphers')}\n`).hop.ciphers).toBeUndefined();
  });

  it.each<[AlgorithmOption, string, 'keyExchanges' | 'ciphers' | 'macs' | 'hostKeyAlgorithms', string]>([
    ['kexalgorithms', 'KexAlgorithms', 'keyExchanges', 'SUPPORTED_KEX'],
    ['ciphers', 'Ciphers', 'ciphers', 'SUPPORTED_CIPHER'],
    ['macs', 'MACs', 'macs', 'SUPPORTED_MAC'],
    ['hostkeyalgorithms', 'HostKeyAlgorithms', 'hostKeyAlgorithms', 'SUPPORTED_SERVER_HOST_KEY'],
  ])('%s: keeps what ssh2 has here, no less and no more', (option, name, field, list) => {
    const all = assembleAlgorithms(option, '*').split(',');
    expect(choose(everything(option, name)).hop[field]).toEqual(all.filter((algorithm) => supported[list]?.includes(algorithm)));
  });

  it.each([
    ['KexAlgorithms sntrup761x25519-sha512@openssh.com\n', 'KexAlgorithms asks for sntrup761x25519-sha512@openssh.com, and supported here are only curve25519-sha256,'],
    ['MACs umac-64@openssh.com,umac-128@openssh.com\n', 'MACs asks for umac-64@openssh.com, umac-128@openssh.com, and supported here are only hmac-sha2-256-etm@openssh.com,'],
    ['HostKeyAlgorithms sk-ssh-ed25519@openssh.com\n', 'HostKeyAlgorithms asks for sk-ssh-ed25519@openssh.com, and supported here are only ssh-ed25519,'],
  ])('refuses %j, with the option, what was asked and what there is', (config, reason) => {
    expect(() => choose(config)).toThrow(expect.objectContaining({ code: 'config-unsupported', message: expect.stringContaining(reason) as string }));
  });

  it('says what it leaves out and what is outdated, of what was asked for', () => {
    expect(choose('MACs umac-128@openssh.com,hmac-sha2-256\n').notes).toEqual(['web: of MACs, not supported here and left out: umac-128@openssh.com.']);
    expect(choose('Ciphers aes128-cbc,aes128-ctr\nHostKeyAlgorithms +ssh-rsa\nKexAlgorithms diffie-hellman-group1-sha1\n').notes).toEqual([
      'web: ssh_config allows algorithms of an outdated kind: ssh-rsa, diffie-hellman-group1-sha1, aes128-cbc.',
    ]);
    expect(choose('MACs +hmac-sha1\n').notes.join()).not.toContain('outdated');
  });
});

describe('assembleAlgorithms', () => {
  it.each([...ALGORITHM_OPTIONS])('%s: has every default among all', (option) => {
    expect(assembleAlgorithms(option, assembleAlgorithms(option))).toBe(assembleAlgorithms(option));
    expect(algorithmComplaint(option, assembleAlgorithms(option))).toBeUndefined();
  });
});
