import { randomFillSync } from 'node:crypto';
import type { Client } from 'ssh2';
import { gcmCipherOf } from './internals.ts';

/** A packet of the largest data that OpenSSH takes for a channel, 32 KiB. */
const BUFFER_BYTES = 33 * 1024;
/** For the padding of some hundreds of packets, which takes 4 to 19 bytes of it each; none of them is used twice. */
const RANDOM_BYTES = 4 * 1024;
/** The length of a packet and that of its padding stand before what it carries (RFC 4253 section 6). */
const HEADER_BYTES = 5;
const BLOCK_BYTES = 16;
const PADDING_MIN_BYTES = 4;

/**
 * Lets ssh2 put together what it sends in one buffer, instead of in a new one for each packet, and fetch the random bytes of the
 * padding for many packets at once: 0.1 s of processor time for a GB, much of it the collector's. What is done with keys, nonces
 * and counters stays ssh2's own. To be called for a transport that copies what is written to it, after each key exchange,
 * which brings a new cipher. Where the cipher is not AES-GCM, or this ssh2 is not as expected, nothing changes.
 */
export function reusePacketBuffer(client: Client): void {
  const cipher = gcmCipherOf(client);
  if (cipher === undefined || !isAsExpected(cipher.allocPacket(0), 0) || !isAsExpected(cipher.allocPacket(3), 3)) return;
  const allocate = cipher.allocPacket.bind(cipher);
  const encrypt = cipher.encrypt.bind(cipher);
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const takePadding = paddingSource();
  // Between the two calls ssh2 fills in the packet. Whatever should ask for another one meanwhile gets its own.
  let isInUse = false;
  cipher.allocPacket = (payloadBytes) => {
    const paddingBytes = paddingBytesFor(payloadBytes);
    const endOfPayload = HEADER_BYTES + payloadBytes;
    const length = endOfPayload + paddingBytes;
    if (isInUse || length > BUFFER_BYTES) return allocate(payloadBytes);
    isInUse = true;
    buffer.writeUInt32BE(length - 4, 0);
    buffer[4] = paddingBytes;
    takePadding(buffer, endOfPayload, paddingBytes);
    return buffer.subarray(0, length);
  };
  cipher.encrypt = (packet) => {
    encrypt(packet);
    if (packet.buffer === buffer.buffer) isInUse = false;
  };
}

/** All but the length fills whole blocks (RFC 5647 section 7.2), with at least four bytes of padding. */
function paddingBytesFor(payloadBytes: number): number {
  const bytes = BLOCK_BYTES - ((1 + payloadBytes) % BLOCK_BYTES);
  return bytes < PADDING_MIN_BYTES ? bytes + BLOCK_BYTES : bytes;
}

/** Whether ssh2 lays a packet out as it is done here. */
function isAsExpected(packet: Buffer, payloadBytes: number): boolean {
  const paddingBytes = paddingBytesFor(payloadBytes);
  const length = HEADER_BYTES + payloadBytes + paddingBytes;
  return packet.length === length && packet.readUInt32BE(0) === length - 4 && packet[4] === paddingBytes;
}

function paddingSource(): (packet: Buffer, start: number, bytes: number) => void {
  const random = Buffer.allocUnsafeSlow(RANDOM_BYTES);
  let used = RANDOM_BYTES;
  return (packet, start, bytes) => {
    if (used + bytes > RANDOM_BYTES) {
      randomFillSync(random);
      used = 0;
    }
    random.copy(packet, start, used, used + bytes);
    used += bytes;
  };
}
