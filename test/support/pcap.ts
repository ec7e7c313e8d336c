interface Segment {
  readonly stream: string;
  readonly sequence: number;
  readonly payload: Buffer;
}

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_HEADER_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_TCP = 6;

/** The payload of each TCP direction in a capture of Ethernet and IPv4, ordered by sequence number. */
export function tcpStreams(file: Buffer): Map<string, Buffer> {
  const segments = new Map<string, Segment[]>();
  for (const segment of readSegments(file)) {
    segments.set(segment.stream, [...(segments.get(segment.stream) ?? []), segment]);
  }
  return new Map([...segments].map(([stream, parts]) => [stream, reassemble(parts)]));
}

function* readSegments(file: Buffer): Generator<Segment> {
  let offset = FILE_HEADER_BYTES;
  while (offset + RECORD_HEADER_BYTES <= file.length) {
    const length = file.readUInt32LE(offset + 8);
    const start = offset + RECORD_HEADER_BYTES;
    const segment = readSegment(file.subarray(start, start + length));
    if (segment !== undefined) yield segment;
    offset = start + length;
  }
}

function readSegment(frame: Buffer): Segment | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + 20 || frame.readUInt16BE(12) !== ETHERTYPE_IPV4) return undefined;
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  if (packet.readUInt8(9) !== PROTOCOL_TCP) return undefined;
  // Ethernet pads short frames, so the packet's own length counts; 0 is a packet that the card would have cut up.
  const totalBytes = packet.readUInt16BE(2) || packet.length;
  const tcp = packet.subarray(headerBytes, totalBytes);
  const payload = tcp.subarray((tcp.readUInt8(12) >> 4) * 4);
  if (payload.length === 0) return undefined;
  const source = `${address(packet, 12)}:${tcp.readUInt16BE(0)}`;
  const destination = `${address(packet, 16)}:${tcp.readUInt16BE(2)}`;
  return { stream: `${source} > ${destination}`, sequence: tcp.readUInt32BE(4), payload };
}

function address(packet: Buffer, offset: number): string {
  return [...packet.subarray(offset, offset + 4)].join('.');
}

function reassemble(segments: readonly Segment[]): Buffer {
  const first = segments[0]?.sequence ?? 0;
  // The difference as a signed 32-bit number, since sequence numbers wrap (RFC 9293, section 3.4).
  const position = (segment: Segment): number => (segment.sequence - first) | 0;
  const ordered = [...segments].sort((a, b) => position(a) - position(b));
  const parts: Buffer[] = [];
  let end = ordered[0] ? position(ordered[0]) : 0;
  for (const segment of ordered) {
    const known = Math.max(0, end - position(segment));
    if (known < segment.payload.length) parts.push(segment.payload.subarray(known));
    end = Math.max(end, position(segment) + segment.payload.length);
  }
  return Buffer.concat(parts);
}
