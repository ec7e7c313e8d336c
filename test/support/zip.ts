import { inflateRawSync } from 'node:zlib';

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const METHOD_DEFLATE = 8;

/** The files of a ZIP archive by their names, unpacked. */
export function readZip(archive: Buffer): Map<string, Buffer> {
  const end = findEnd(archive);
  const files = new Map<string, Buffer>();
  let offset = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameBytes = archive.readUInt16LE(offset + 28);
    const name = archive.toString('utf8', offset + ENTRY_BYTES, offset + ENTRY_BYTES + nameBytes);
    files.set(name, readEntry(archive, offset));
    offset += ENTRY_BYTES + nameBytes + archive.readUInt16LE(offset + 30) + archive.readUInt16LE(offset + 32);
  }
  return files;
}

/** The central directory's own record ends the file; a comment may follow it. */
function findEnd(archive: Buffer): number {
  for (let offset = archive.length - END_BYTES; offset >= 0; offset -= 1) {
    if (archive.readUInt32LE(offset) === END_SIGNATURE) return offset;
  }
  throw new Error('This is no ZIP archive.');
}

function readEntry(archive: Buffer, entry: number): Buffer {
  const packedBytes = archive.readUInt32LE(entry + 20);
  const header = archive.readUInt32LE(entry + 42);
  const start = header + LOCAL_HEADER_BYTES + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + packedBytes);
  return archive.readUInt16LE(entry + 10) === METHOD_DEFLATE ? inflateRawSync(packed) : packed;
}
