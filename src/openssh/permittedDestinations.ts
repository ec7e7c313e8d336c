import type { ResolvedConfig } from './resolvedConfig.ts';

/** PermitRemoteOpen as ssh_config(5) has it: the `host:port` patterns, none at all for `none`; undefined where everything is permitted. */
export function permittedDestinations(config: ResolvedConfig): readonly string[] | undefined {
  const patterns = config.all('permitremoteopen').flatMap((value) => value.split(/\s+/)).filter((pattern) => pattern !== '');
  const [first = 'any'] = patterns;
  if (first.toLowerCase() === 'any') return undefined;
  return first.toLowerCase() === 'none' ? [] : patterns;
}
