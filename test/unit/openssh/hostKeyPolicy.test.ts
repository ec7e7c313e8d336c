import { describe, expect, it } from 'vitest';
import type { SshHop, SshTarget } from '../../../src/core/sshTarget.ts';
import { HostKeyPolicies, policyName, type HostKeyPolicy, type Strictness } from '../../../src/openssh/hostKeyPolicy.ts';

const policy = (strictness: Strictness): HostKeyPolicy => ({ userFiles: ['/u'], globalFiles: [], strictness, isHashed: false });

function target(hostKeyPolicy: string): SshTarget {
  const hop: SshHop = {
    name: 'web', host: 'web.example', port: 22, user: 'u', hostKeyPolicy, hostKeyAlgorithms: [], identitiesOnly: false, identities: [],
    authenticationMethods: ['password'], numberOfPasswordPrompts: 3, connectTimeoutMs: 1, keepaliveIntervalMs: 1, keepaliveCountMax: 1,
  };
  return { key: hostKeyPolicy, hops: [hop] };
}

describe('HostKeyPolicies', () => {
  const question = { hop: 'web', host: 'web.example', port: 22 };

  function remember(...strictnesses: Strictness[]): HostKeyPolicies {
    const policies = new HostKeyPolicies();
    for (const strictness of strictnesses) {
      const name = policyName(policy(strictness));
      policies.remember(target(name), new Map([[name, policy(strictness)]]));
    }
    return policies;
  }

  it('keeps two policies of one hop name apart', () => {
    const policies = remember('no', 'yes', 'ask');
    for (const strictness of ['no', 'yes', 'ask'] as const) {
      expect(policies.find({ ...question, hostKeyPolicy: policyName(policy(strictness)) }).strictness).toBe(strictness);
    }
  });

  it('answers a question without a name by the strictest', () => {
    expect(remember('no', 'ask', 'accept-new').find(question).strictness).toBe('ask');
  });

  it('trusts nothing that was never resolved', () => {
    expect(() => remember('no').find({ ...question, host: 'other' })).toThrow(expect.objectContaining({ code: 'internal' }));
    expect(() => remember('no').find({ ...question, hostKeyPolicy: 'made-up' })).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  it('names equal policies equally', () => {
    expect(policyName(policy('ask'))).toBe(policyName({ ...policy('ask') }));
    expect(policyName({ ...policy('ask'), revokedKeysFile: '/r' })).not.toBe(policyName(policy('ask')));
  });
});
