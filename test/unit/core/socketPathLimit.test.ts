import { describe, expect, it } from 'vitest';
import { isNamedPipe, socketPathLimit } from '../../../src/core/socketPathLimit.ts';

describe('the path of a socket', () => {
  it.each([['linux', 107], ['darwin', 103], ['freebsd', 103]])('on %s has at most %i bytes', (platform, limit) => {
    expect(socketPathLimit(platform)).toBe(limit);
  });

  it.each([
    ['\\\\.\\pipe\\docker_engine', true],
    ['\\\\?\\PIPE\\a\\b', true],
    ['\\\\.\\pipe\\', false],
    ['\\\\server\\pipe\\a', false],
    ['C:\\a.sock', false],
    ['/run/docker.sock', false],
  ])('on Windows is a named pipe: %s', (path, isPipe) => {
    expect(isNamedPipe(path, 'win32')).toBe(isPipe);
    expect(isNamedPipe(path, 'linux')).toBe(false);
  });
});
