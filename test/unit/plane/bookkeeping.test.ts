import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../src/plane/backlog.ts';
import { ConnectionTable, isSameTraffic } from '../../../src/plane/connectionTable.ts';
import { Parking } from '../../../src/plane/parking.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const ORIGIN = { host: '127.0.0.1', port: 50_000 };
const ACCEPTED = { host: '127.0.0.1', port: 8080 };

describe('the table of connections', () => {
  it('shows the open ones, then those that closed within a minute, ten at most', () => {
    const clock = new FakeClock(0);
    const table = new ConnectionTable(clock);
    const rows = Array.from({ length: 13 }, () => table.add(ORIGIN, ACCEPTED));
    for (const row of rows.slice(0, 12)) table.close(row, 'client-ended');
    expect(table.connections().map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      '13 parked', ...Array.from({ length: 10 }, (_, index) => `${index + 3} closed`),
    ]);
    clock.advance(60_000);
    expect(table.connections()).toHaveLength(11);
    clock.advance(1);
    expect(table.connections().map(({ id }) => id)).toEqual([13]);
  });

  it('keeps counting what closed connections passed, once', () => {
    const table = new ConnectionTable(new FakeClock());
    const [one, two] = [table.add(ORIGIN, ACCEPTED), table.add(ORIGIN, ACCEPTED)];
    one.bytesUp = 10;
    two.bytesDown = 5;
    table.close(one, 'stopped');
    table.close(one, 'client-ended');
    expect(table.traffic()).toMatchObject({ openConnections: 1, totalConnections: 2, bytesUp: 10, bytesDown: 5, connections: [{ id: 2 }, { id: 1, closeReason: 'stopped' }] });
  });

  it('gives snapshots that do not change', () => {
    const table = new ConnectionTable(new FakeClock());
    const row = table.add(ORIGIN, ACCEPTED);
    const before = table.traffic();
    expect(isSameTraffic(before, table.traffic())).toBe(true);
    row.phase = 'established';
    expect(before.connections[0]?.phase).toBe('parked');
    expect(isSameTraffic(before, table.traffic())).toBe(false);
    const established = table.traffic();
    row.destination = 'db:5432';
    expect(established.connections[0]).not.toHaveProperty('destination');
    expect(isSameTraffic(established, table.traffic())).toBe(false);
  });
});

describe('parking', () => {
  it('has room for 64, for 30 s, and gives them back in the order of arrival', () => {
    const clock = new FakeClock();
    const expired: number[] = [];
    const parking = new Parking<number>(clock, (item) => expired.push(item));
    for (let item = 0; item < 64; item += 1) expect(parking.park(item)).toBe(true);
    expect(parking.park(64)).toBe(false);
    clock.advance(29_999);
    expect(expired).toEqual([]);
    expect(parking.takeAll()).toEqual(Array.from({ length: 64 }, (_, item) => item));
    parking.park(100);
    clock.advance(30_000);
    expect(expired).toEqual([100]);
    expect(parking.takeAll()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('what waits in memory', () => {
  it('is counted when somebody asks, and not again for a moment', () => {
    const clock = new FakeClock(0);
    let counted = 0;
    const backlog = new Backlog(clock, () => { counted += 1; return counted * 100; });
    expect(counted).toBe(0);
    expect([backlog.bytes, backlog.bytes]).toEqual([100, 100]);
    clock.advance(49);
    expect(backlog.bytes).toBe(100);
    clock.advance(1);
    expect(backlog.bytes).toBe(200);
    // The machine's clock may be set.
    clock.advance(-3_600_000);
    expect(backlog.bytes).toBe(300);
  });
});
