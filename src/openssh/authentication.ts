import { ForwardError } from '../core/failure.ts';
import type { AuthenticationMethod } from '../core/sshTarget.ts';
import { windowsAgent } from './identityAgent.ts';
import type { ResolvedConfig } from './resolvedConfig.ts';
import type { SshEnvironment } from './sshEnvironment.ts';
import { expandTilde, expandTokens, type TokenValues } from './tokens.ts';

/** The methods that are supported here, in ssh's own order (ssh_config(5), PreferredAuthentications). */
const METHODS: readonly { readonly method: AuthenticationMethod; readonly keyword: string }[] = [
  { method: 'publickey', keyword: 'pubkeyauthentication' },
  { method: 'keyboard-interactive', keyword: 'kbdinteractiveauthentication' },
  { method: 'password', keyword: 'passwordauthentication' },
];

/** The methods to try, in order; `config-unsupported` when ssh_config leaves none of them. */
export function authenticationMethods(hostName: string, config: ResolvedConfig): AuthenticationMethod[] {
  const isOff = (keyword: string): boolean => ['no', 'false'].includes(config.get(keyword) ?? 'yes');
  const enabled = METHODS.filter(({ keyword }) => !isOff(keyword)).map(({ method }) => method);
  const preferred = config.get('preferredauthentications')?.split(',').map((name) => name.trim());
  const methods = preferred === undefined ? enabled : enabled.filter((method) => preferred.includes(method))
    .sort((one, other) => preferred.indexOf(one) - preferred.indexOf(other));
  if (methods.length > 0) return methods;
  const reason = 'ssh_config leaves no authentication method that is supported: public key, keyboard-interactive or password';
  throw new ForwardError('config-unsupported', `${hostName}: ${reason}.`, { context: { host: hostName, reason } });
}

/** The agent's socket or pipe (ssh_config(5), IdentityAgent); undefined when there is none. */
export function identityAgent(config: ResolvedConfig, environment: SshEnvironment, tokens: TokenValues): string | undefined {
  const { env, localUser, platform } = environment;
  const configured = config.get('identityagent');
  if (configured === 'none') return undefined;
  if (configured === undefined || configured === 'SSH_AUTH_SOCK') {
    return nonEmpty(env.SSH_AUTH_SOCK) ?? (platform === 'win32' ? windowsAgent(localUser) : undefined);
  }
  const variable = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(configured)?.[1];
  if (variable !== undefined) return nonEmpty(env[variable]);
  const path = expandTilde('IdentityAgent', configured, environment);
  return config.isExpanded ? path : expandTokens('IdentityAgent', path, tokens, env);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
