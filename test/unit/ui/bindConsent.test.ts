import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { BindConsent } from '../../../src/ui/bindConsent.ts';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import { define, DYNAMIC, LOCAL, RANGE, REMOTE, REMOTE_DYNAMIC, SOCKETS, UDP } from './samples.ts';

/** What was asked, and what the user answers. */
const user = vi.hoisted(() => ({ questions: [] as string[], answer: undefined as string | undefined }));
vi.mock('vscode', () => ({
  window: {
    showWarningMessage: async (message: string, { detail }: { readonly detail: string }) => {
      user.questions.push(`${message} ${detail}`);
      return user.answer;
    },
  },
}));

function setup() {
  const kept = new Map<string, unknown>();
  const state = { get: (key: string, missing: unknown) => kept.get(key) ?? missing, update: async (key: string, value: unknown) => { kept.set(key, value); } };
  const consent = new BindConsent(state as never, new PromptQueue());
  return (spec: ForwardSpec, id = 'a', changes: Partial<ForwardDefinition> = {}): Promise<void> => consent.require(define(id, { spec, ...changes }), new AbortController().signal);
}

beforeEach(() => {
  user.questions.length = 0;
  user.answer = 'Allow for This Forward';
});

const everywhere = { host: '*', port: 9000 };

describe('listening where other machines can connect', () => {
  it.each<ForwardSpec>([LOCAL, REMOTE, DYNAMIC, REMOTE_DYNAMIC, UDP, RANGE, SOCKETS, { ...REMOTE, listen: { path: '/tmp/x.sock' } }])('is not asked about for the loopback, nor for a socket: $kind', async (spec) => {
    await setup()(spec);
    expect(user.questions).toEqual([]);
  });

  it.each<[ForwardSpec, string]>([
    [{ ...LOCAL, listen: everywhere }, 'will be reachable from other machines on *:9000. Anyone who can reach this computer over the network can then use it.'],
    [{ ...DYNAMIC, listen: everywhere }, 'will be reachable from other machines on *:9000. Anyone who can reach this computer over the network can then go through the server'],
    [{ ...REMOTE, listen: everywhere }, 'will be reachable from other machines on *:9000 of me@bastion. Anyone who can reach the server can then connect to localhost:3000 from this computer, if GatewayPorts'],
    [{ ...REMOTE_DYNAMIC, listen: { host: '192.0.2.7', port: 9000 } },
      'will be reachable from other machines on 192.0.2.7:9000 of me@bastion. Anyone who can reach the server can then go out through this computer, into your own network too, if GatewayPorts'],
    [{ ...UDP, listen: everywhere }, 'will be reachable from other machines on UDP *:9000. Anyone who can reach this computer over the network can then send datagrams through it to 10.0.0.2:53,'],
    [{ ...RANGE, listen: everywhere }, 'will be reachable from other machines on *:9000-9010. Anyone who can reach this computer over the network can then use it.'],
  ])('is asked about once, in words of its kind: %#', async (spec, question) => {
    const require = setup();
    await require(spec);
    await require(spec);
    expect(user.questions).toEqual([expect.stringContaining(question)]);
    // Another forward, another direction: other questions.
    await require(spec, 'b');
    expect(user.questions).toHaveLength(2);
  });

  it.each([DYNAMIC, REMOTE_DYNAMIC])('is asked about anew for a proxy whose login is gone, and not for one that got a login: $kind', async (proxy) => {
    const require = setup();
    const spec = { ...proxy, listen: everywhere };
    await require(spec, 'a', { login: 'me' });
    expect(user.questions).toEqual([expect.stringMatching(/Anyone who can reach (?:this computer over the network|the server) and knows its login can then go /)]);
    await require(spec, 'a', { login: 'you' });
    expect(user.questions).toHaveLength(1);
    await require(spec);
    expect(user.questions).toHaveLength(2);
    expect(user.questions[1]).not.toContain('login');
    await require(spec);
    await require(spec, 'b');
    await require(spec, 'b', { login: 'me' });
    expect(user.questions).toHaveLength(3);
  });

  it('is refused by who says no, and asked about anew', async () => {
    user.answer = undefined;
    const require = setup();
    const spec = { ...REMOTE, listen: everywhere };
    await expect(require(spec)).rejects.toMatchObject({ code: 'bind-not-allowed', context: { address: '*:9000 of me@bastion' } });
    await expect(require(spec)).rejects.toMatchObject({ code: 'bind-not-allowed' });
    expect(user.questions).toHaveLength(2);
  });
});
