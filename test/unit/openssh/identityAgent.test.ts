import { describe, expect, it } from 'vitest';
import { windowsAgent } from '../../../src/openssh/identityAgent.ts';

const HASH = '0123456789abcdef'.repeat(4);
const OPENSSH = String.raw`\\.\pipe\openssh-ssh-agent`;

describe('the agent of Windows', () => {
  it.each([
    ['OpenSSH\'s, where its service runs', ['docker', 'openssh-ssh-agent', `pageant.me.${HASH}`], OPENSSH],
    ['Pageant\'s, where it alone runs', ['docker', `pageant.me.${HASH}`], String.raw`\\.\pipe\pageant.me.${HASH}`],
    ['Pageant\'s, however the user is written', [`pageant.ME.${HASH}`], String.raw`\\.\pipe\pageant.ME.${HASH}`],
    ['Pageant\'s of a user with a dot', [`pageant.me.${HASH}`, `pageant.j.doe.${HASH}`], String.raw`\\.\pipe\pageant.j.doe.${HASH}`, 'j.doe'],
    ['never Pageant\'s of somebody else', [`pageant.you.${HASH}`, `pageant.me.too.${HASH}`], OPENSSH],
    ['nothing that only looks like it', ['pageant.me', 'pageant.me.1234', `xpageant.me.${HASH}`], OPENSSH],
    ['OpenSSH\'s, where none runs', [], OPENSSH],
  ])('is %s', (_, pipes, path, user = 'me') => {
    expect(windowsAgent(user, pipes)).toBe(path);
  });
});
