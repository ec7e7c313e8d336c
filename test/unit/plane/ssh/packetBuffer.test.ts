import { createDecipheriv, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Client } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { reusePacketBuffer } from '../../../../src/plane/ssh/packetBuffer.ts';
import type { PacketCipher } from '../../../../src/plane/ssh/internals.ts';

const KiB = 1024;

/** What ssh2 itself encrypts with. */
const ssh2 = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as {
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number; readonly ivLen: number }>>;
  readonly MAC_INFO: Readonly<Record<string, unknown>>;
  createCipher(config: object): PacketCipher & { outSeqno: number };
};

function setup(cipherName = 'aes128-gcm@openssh.com') {
  const info = ssh2.CIPHER_INFO[cipherName]!;
  const key = randomBytes(info.keyLen);
  // The counter is about to carry.
  const nonce = Buffer.concat([randomBytes(4), Buffer.from('00000000fffffffe', 'hex')]);
  const written: Buffer[] = [];
  const cipher = ssh2.createCipher({
    outbound: {
      seqno: 5, onWrite: (piece: Buffer) => { written.push(Buffer.from(piece)); }, cipherInfo: info, cipherKey: key, cipherIV: Buffer.alloc(info.ivLen, nonce),
      macInfo: ssh2.MAC_INFO['hmac-sha2-256'], macKey: Buffer.alloc(32), forceNative: true,
    },
  });
  const client = { _protocol: { _cipher: cipher } } as unknown as Client;
  return { cipher, client, key, nonce, written };
}

function send(cipher: PacketCipher, payload: Buffer): Buffer {
  const packet = cipher.allocPacket(payload.length);
  packet.set(payload, 5);
  cipher.encrypt(packet);
  return packet;
}

/** What is in packets of RFC 5647: whole payloads and paddings; throws where a tag is wrong. */
function open(bytes: Buffer, key: Buffer, nonce: Buffer): { readonly payload: Buffer; readonly padding: Buffer }[] {
  const packets: { readonly payload: Buffer; readonly padding: Buffer }[] = [];
  let counter = nonce.readBigUInt64BE(4);
  for (let at = 0; at < bytes.length; counter += 1n) {
    const iv = Buffer.from(nonce);
    iv.writeBigUInt64BE(counter, 4);
    const end = at + 4 + bytes.readUInt32BE(at);
    const decipher = createDecipheriv('aes-128-gcm', key, iv).setAAD(bytes.subarray(at, at + 4)).setAuthTag(bytes.subarray(end, end + 16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(at + 4, end)), decipher.final()]);
    packets.push({ payload: plain.subarray(1, plain.length - plain[0]!), padding: plain.subarray(plain.length - plain[0]!) });
    at = end + 16;
  }
  return packets;
}

describe('a buffer for the packets of a cipher', () => {
  it('gives packets as RFC 5647 has them, of any length, each with a nonce of its own', () => {
    const { cipher, client, key, nonce, written } = setup();
    reusePacketBuffer(client);
    const payloads = [...Array.from({ length: 70 }, (_, length) => randomBytes(length)), randomBytes(32 * KiB + 9), randomBytes(100 * KiB), randomBytes(9)];
    const memory = new Set(payloads.map((payload) => send(cipher, payload).buffer));
    const packets = open(Buffer.concat(written), key, nonce);
    expect(packets.map(({ payload }) => payload.toString('hex'))).toEqual(payloads.map((payload) => payload.toString('hex')));
    for (const { padding } of packets) expect(padding.length).toBeGreaterThanOrEqual(4);
    expect(cipher.outSeqno).toBe(5 + payloads.length);
    // One for all, and one for what is larger than any packet of OpenSSH.
    expect(memory.size).toBe(2);
  });

  it('uses no padding twice', () => {
    const { cipher, client, key, nonce, written } = setup();
    reusePacketBuffer(client);
    // Sixteen bytes of padding: two that are the same by chance do not happen.
    for (let count = 0; count < 2_000; count += 1) send(cipher, Buffer.alloc(15));
    const paddings = open(Buffer.concat(written), key, nonce).map(({ padding }) => padding.toString('hex'));
    expect(new Set(paddings).size).toBe(2_000);
    expect(paddings[0]).toHaveLength(32);
  });

  it('gives another packet its own memory while one is being put together', () => {
    const { cipher, client, key, nonce, written } = setup();
    reusePacketBuffer(client);
    const first = cipher.allocPacket(5);
    first.set(Buffer.from('first'), 5);
    send(cipher, Buffer.from('second'));
    send(cipher, Buffer.from('third'));
    cipher.encrypt(first);
    send(cipher, Buffer.from('fourth'));
    expect(open(Buffer.concat(written), key, nonce).map(({ payload }) => payload.toString())).toEqual(['second', 'third', 'first', 'fourth']);
  });

  describe('leaves everything as it is', () => {
    it.each(['aes256-ctr', 'aes128-cbc', 'chacha20-poly1305@openssh.com'])('with %s', (name) => {
      const { cipher, client } = setup(name);
      const { allocPacket, encrypt } = cipher;
      reusePacketBuffer(client);
      expect(cipher.allocPacket).toBe(allocPacket);
      expect(cipher.encrypt).toBe(encrypt);
    });

    it.each<[string, (cipher: object) => void]>([
      ['whose cipher has no packets', (cipher) => { Object.assign(cipher, { allocPacket: undefined }); }],
      ['whose cipher does not encrypt', (cipher) => { Object.assign(cipher, { encrypt: undefined }); }],
      ['whose cipher has no name', (cipher) => { Object.assign(cipher, { _encSSLName: undefined }); }],
      ['that puts packets together otherwise', (cipher) => { Object.assign(cipher, { allocPacket: (length: number) => Buffer.alloc(length + 32) }); }],
    ])('with an ssh2 %s', (_, change) => {
      const { cipher, client } = setup();
      change(cipher);
      const { allocPacket, encrypt } = cipher;
      reusePacketBuffer(client);
      expect(cipher.allocPacket).toBe(allocPacket);
      expect(cipher.encrypt).toBe(encrypt);
    });

    it('with an ssh2 that has no cipher there', () => {
      expect(() => { reusePacketBuffer({} as unknown as Client); }).not.toThrow();
    });
  });
});
