import { describe, expect, it } from 'vitest';
import { parseExcludedStretches } from '../../../src/system/excludedPorts.ts';
import { parseLsof, parseWindowsListeners } from '../../../src/system/foreignListeners.ts';
import { isInTheWay } from '../../../src/system/portConflict.ts';
import { parseProcNetTcp } from '../../../src/system/socketTable.ts';

describe('parseProcNetTcp', () => {
  it('reads IPv4, IPv6 and mapped addresses', () => {
    const text = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0',
      '   1: 0A00000A:0016 0101A8C0:D431 01 00000000:00000000 02:000A0000 00000000  1000        0 777 2 0 20 4 30 10 -1',
      '   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 42 1',
      '   3: 0000000000000000FFFF00000100007F:0051 B80D0120000000000000000001000000:C350 01 0:0 00:0 0 0 0 43 1',
      '   4: broken line',
      '',
    ].join('\n');
    expect(parseProcNetTcp(text)).toEqual([
      { local: { host: '127.0.0.1', port: 5432 }, remote: { host: '0.0.0.0', port: 0 }, isListening: true, inode: 12345 },
      { local: { host: '10.0.0.10', port: 22 }, remote: { host: '192.168.1.1', port: 54321 }, isListening: false, inode: 777 },
      { local: { host: '::1', port: 80 }, remote: { host: '::', port: 0 }, isListening: true, inode: 42 },
      { local: { host: '127.0.0.1', port: 81 }, remote: { host: '2001:db8::1', port: 50000 }, isListening: false, inode: 43 },
    ]);
    expect(parseProcNetTcp(text, new Set([22, 81])).map(({ inode }) => inode)).toEqual([777, 43]);
  });
});

describe('parseLsof', () => {
  it('reads what macOS prints', () => {
    const text = 'p421\ncpostgres\nf5\nPTCP\nn127.0.0.1:5432\nf6\nPTCP\nn[::1]:5432\np99\ncnode\nf20\nPTCP\nn*:8080\n';
    expect(parseLsof(text)).toEqual([
      { address: { host: '127.0.0.1', port: 5432 }, holder: { pid: 421, program: 'postgres' } },
      { address: { host: '::1', port: 5432 }, holder: { pid: 421, program: 'postgres' } },
      { address: { host: '*', port: 8080 }, holder: { pid: 99, program: 'node' } },
    ]);
    expect(parseLsof('')).toEqual([]);
  });
});

describe('parseWindowsListeners', () => {
  it('reads lines of address, port, process and name', () => {
    expect(parseWindowsListeners('127.0.0.1|8080|77|node\r\n::|80|4|System\r\nfe80::1%5|90|5|\r\nnonsense\r\n')).toEqual([
      { address: { host: '127.0.0.1', port: 8080 }, holder: { pid: 77, program: 'node' } },
      { address: { host: '::', port: 80 }, holder: { pid: 4, program: 'System' } },
      { address: { host: 'fe80::1', port: 90 }, holder: { pid: 5, program: '' } },
    ]);
  });
});

describe('parseExcludedStretches', () => {
  it('reads what Windows prints, in any language', () => {
    const english = '\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n----------    --------      \r\n      5357        5357      \r\n     50000       50059     *\r\n\r\n* - Administered port exclusions.\r\n\r\n';
    expect(parseExcludedStretches(english)).toEqual([{ first: 5357, last: 5357 }, { first: 50_000, last: 50_059 }]);
    expect(parseExcludedStretches(english.replace('Start Port    End Port', 'Startport     Endport 80'))).toHaveLength(2);
    expect(parseExcludedStretches('The following command was not found')).toEqual([]);
  });
});

describe('isInTheWay', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true], ['127.0.0.1', '127.0.0.2', false], ['0.0.0.0', '127.0.0.1', true], ['127.0.0.1', '0.0.0.0', true], ['::', '127.0.0.1', true],
    ['::', '::1', true], ['0.0.0.0', '::1', false], ['::1', 'localhost', true], ['127.0.0.1', 'localhost', true], ['10.0.0.1', 'localhost', false],
    ['10.0.0.1', '*', true], ['*', '10.0.0.1', true], ['::1', '127.0.0.1', false], ['127.0.0.1', '', true],
  ])('a listener on %s, wanted %s: %j', (listener, wanted, expected) => {
    expect(isInTheWay({ host: listener, port: 80 }, { host: wanted, port: 80 })).toBe(expected);
    expect(isInTheWay({ host: listener, port: 80 }, { host: wanted, port: 81 })).toBe(false);
  });
});
