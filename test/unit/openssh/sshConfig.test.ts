import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import { evaluateConfig, explicitOptions, type ConfigFile, type ConfigSubject } from '../../../src/openssh/sshConfig.ts';

const file = (text: string, includes: [number, readonly ConfigFile[]][] = [], path = '/config'): ConfigFile => ({ path, text, includes: new Map(includes) });
const subject = (host: string, rest: Partial<ConfigSubject> = {}): ConfigSubject => ({ host, localUser: 'me', ...rest });

function refusal(text: string, rest: Partial<ConfigSubject> = {}): ForwardError {
  try {
    evaluateConfig([file(text)], subject('web', rest));
  } catch (error) {
    if (error instanceof ForwardError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('evaluateConfig', () => {
  it('gives the defaults of ssh without files', () => {
    const config = evaluateConfig([], subject('Web'));
    expect([config.get('hostname'), config.get('user'), config.get('port'), config.get('stricthostkeychecking')]).toEqual(['web', 'me', '22', 'ask']);
    expect(config.all('userknownhostsfile')).toEqual(['~/.ssh/known_hosts', '~/.ssh/known_hosts2']);
    expect(config.all('identityfile')).toHaveLength(7);
  });

  it('reads the user file before the system file', () => {
    const config = evaluateConfig([file('Port 1\n'), file('Port 2\nUser system\n', [], '/etc/ssh/ssh_config')], subject('web'));
    expect([config.get('port'), config.get('user')]).toEqual(['1', 'system']);
  });

  it('names file and line of what only ssh can answer', () => {
    expect(refusal('Host web\n\nMatch exec "true"\n')).toMatchObject({ code: 'config-unsupported', context: { file: '/config', line: 3 } });
    expect(refusal('\nCanonicalizeHostname yes\n')).toMatchObject({ code: 'config-unsupported', context: { file: '/config', line: 2 } });
    expect(refusal('Match localnetwork 10.0.0.0/8\n')).toMatchObject({ code: 'config-unsupported', context: { line: 1 } });
    expect(refusal('Brandnew 1\n')).toMatchObject({ code: 'config-unsupported', context: { line: 1 } });
  });

  it('names file and line of what ssh would refuse, in included files too', () => {
    expect(refusal('Host other\n  Port abc\n')).toMatchObject({ code: 'config-invalid', context: { file: '/config', line: 2 } });
    const included = file('\n\nPort 0\n', [], '/included');
    const run = (): unknown => evaluateConfig([file('Include x\n', [[1, [included]]])], subject('web'));
    expect(run).toThrow(expect.objectContaining({ context: expect.objectContaining({ file: '/included', line: 3 }) as unknown }));
  });

  it('names file and line of a HostName with a token that ssh does not know, and lists the host as it is called', () => {
    const text = 'Host web\n  HostName %q.example\nMatch host web\n  Port 2\n';
    expect(refusal(text)).toMatchObject({ code: 'config-invalid', context: { file: '/config', line: 2 }, message: '/config line 2: HostName "%q.example" cannot be used: %q is not known there.' });
    const config = evaluateConfig([file(text)], subject('web', { isLenient: true }));
    expect([config.get('hostname'), config.get('port')]).toEqual(['web', '2']);
  });

  it('does not apply what is included in a block for others, and does not let it open blocks', () => {
    const included = file('Host web\n  User inner\nUser alsoInner\n');
    const config = evaluateConfig([file('Host other\n  Include x\n  User mine\n', [[2, [included]]])], subject('web'));
    expect(config.get('user')).toBe('me');
  });

  it('passes over all that when it is for a list only', () => {
    const text = 'Match exec "touch /tmp/x"\n  Port 1\nMadeUp\nHost web\n  Port 2\nCanonicalizeHostname yes\n';
    expect(evaluateConfig([file(text)], subject('web', { isLenient: true })).get('port')).toBe('2');
  });

  it('tells what is set from what is default', () => {
    const options = explicitOptions([file('ServerAliveInterval 0\nHost other\n  Port 1\n')], subject('web'));
    expect(options.has('serveraliveinterval')).toBe(true);
    expect(options.has('port')).toBe(false);
  });
});
