import { describe, expect, it } from 'vitest';
import { ReadBuffer, ReadingCompany } from '../../../src/plane/readBuffer.ts';

const KiB = 1024;

describe('a read buffer', () => {
  it('is the common one until a read fills it, and what was read is then a copy', () => {
    const company = new ReadingCompany();
    const [one, other] = [new ReadBuffer(company), new ReadBuffer(company)];
    expect(one.current).toBe(other.current);
    one.current.write('one');
    const chunk = one.take(3);
    other.current.write('two');
    expect(other.take(3).toString()).toBe('two');
    expect(chunk.toString()).toBe('one');
    fill(one);
    expect(one.current).not.toBe(other.current);
    expect(one.current.length).toBe(64 * KiB);
  });

  it('grows for a bulk transfer that is alone, and lends what it has read', () => {
    const buffer = new ReadBuffer(new ReadingCompany());
    fill(buffer, 10);
    expect(buffer.current.length).toBe(1024 * KiB);
    buffer.current.write('lent');
    const { current } = buffer;
    expect(buffer.take(100).buffer).toBe(current.buffer);
  });

  it('grows for one whose bursts end with a read that is not full', () => {
    const buffer = new ReadBuffer(new ReadingCompany());
    fill(buffer);
    for (let burst = 0; burst < 40; burst += 1) {
      if (buffer.current.length === 64 * KiB) for (const length of [47_598, 17_408]) buffer.take(length);
      fill(buffer, 9);
    }
    expect(buffer.current.length).toBe(1024 * KiB);
  });

  it('takes small turns while somebody exchanges small things, and large ones again a while after', () => {
    const company = new ReadingCompany();
    const [bulk, small] = [new ReadBuffer(company), new ReadBuffer(company)];
    fill(bulk, 10);
    small.take(1);
    fill(bulk);
    expect(bulk.current.length).toBe(64 * KiB);
    for (let round = 0; round < 100; round += 1) {
      small.take(1);
      fill(bulk, 10);
    }
    expect(bulk.current.length).toBe(64 * KiB);
    fill(bulk, 300);
    expect(bulk.current.length).toBe(1024 * KiB);
  });

  it.each([{ count: 2, size: 512 * KiB }, { count: 4, size: 256 * KiB }, { count: 64, size: 128 * KiB }])('divides a turn among $count bulk transfers', ({ count, size }) => {
    const company = new ReadingCompany();
    const buffers = Array.from({ length: count }, () => new ReadBuffer(company));
    for (let round = 0; round < 20; round += 1) for (const buffer of buffers) fill(buffer);
    expect(buffers.map(({ current }) => current.length)).toEqual(buffers.map(() => size));
  });

  it('is given back when it is no longer needed, by and by', () => {
    const company = new ReadingCompany();
    const buffer = new ReadBuffer(company);
    fill(buffer, 10);
    for (let read = 0; read < 20; read += 1) buffer.take(50 * KiB);
    expect(buffer.current.length).toBe(64 * KiB);
    expect(buffer.current.buffer.byteLength).toBe(64 * KiB);
    for (let read = 0; read < 20; read += 1) buffer.take(100);
    expect(buffer.current).toBe(company.first);
  });

  it('tells full reads of its own for turns, and no other', () => {
    const buffer = new ReadBuffer(new ReadingCompany());
    expect(buffer.isTurn(buffer.current.length)).toBe(false);
    fill(buffer);
    expect(buffer.isTurn(buffer.current.length)).toBe(true);
    expect(buffer.isTurn(buffer.current.length - 1)).toBe(false);
  });

  it('has one size where that is given, and is no company for others', () => {
    const company = new ReadingCompany();
    const [carrier, bulk] = [new ReadBuffer(company, 256 * KiB), new ReadBuffer(company)];
    fill(carrier, 10);
    expect(carrier.current.length).toBe(256 * KiB);
    fill(bulk, 10);
    carrier.take(1);
    fill(bulk);
    expect(bulk.current.length).toBe(1024 * KiB);
  });
});

function fill(buffer: ReadBuffer, times = 1): void {
  for (let time = 0; time < times; time += 1) buffer.take(buffer.current.length);
}
