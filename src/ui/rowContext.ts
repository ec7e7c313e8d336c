import { isSocketPath, type HostPort } from '../core/address.ts';
import { isReadOnly, type Forward } from '../core/forward.ts';
import type { ForwardSpec, LocalSpec, RelaySpec } from '../core/forwardSpec.ts';
import { failureOf, isDraining, runsElsewhere, whereItRuns, type ForwardState } from '../core/forwardState.ts';

/** Ports that are most often web servers: the row offers the browser without being asked. */
function looksLikeHttp(port: number): boolean {
  return port === 80 || port === 443 || (port >= 3000 && port < 3100) || port === 4200 || port === 5000 || port === 5173
    || (port >= 8000 && port < 9100);
}

/** True where the browser of this computer can be sent: what listens on a TCP port here and leads to one destination. */
export function canOpen(spec: ForwardSpec): spec is (LocalSpec | RelaySpec) & { readonly listen: HostPort } {
  return (spec.kind === 'local' || spec.kind === 'relay') && !isSocketPath(spec.listen);
}

/**
 * `forward.<kind>.<phase>`, with `draining` for a stop that waits for connections; then `.http` for what a browser can probably
 * show, `.socket` for what listens on no port, `.complaint` for what is up or on its way there and
 * has a failure to tell of, and `.readonly` for what is not Culvert's to change. The manifest's menus match on it.
 */
export function contextOf({ definition, state }: Forward): string {
  const { spec } = definition;
  const isWeb = canOpen(spec) && !isSocketPath(spec.connect) && looksLikeHttp(spec.connect.port);
  const phase = phaseOf(state);
  const hasComplaint = phase !== 'failed' && phase !== 'retrying' && failureOf(state) !== undefined;
  return [
    `forward.${spec.kind}.${phase}`, isWeb ? '.http' : '', isSocketPath(spec.listen) ? '.socket' : '', hasComplaint ? '.complaint' : '', isReadOnly(definition) ? '.readonly' : '',
  ].join('');
}

/** What failed in another window can be started in this one like what failed here. */
function phaseOf(state: ForwardState): string {
  if (isDraining(state)) return 'draining';
  return runsElsewhere(state) ? 'elsewhere' : whereItRuns(state).phase;
}
