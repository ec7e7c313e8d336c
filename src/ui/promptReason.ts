import type { Forward } from '../core/forward.ts';
import { isThroughSsh } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';
import { withoutLinks } from './format.ts';
import { titleOf } from './present.ts';

/** Why a server's question appears although nobody has just started anything, as a sentence; empty where that is plain. `hop` is who asks. */
export function reasonToAsk(forwards: readonly Forward[], hop: string): string {
  const woken = forwards.find((forward) => isWoken(forward) && hopOf(forward) === hop);
  return woken === undefined ? '' : `A program has connected to ${withoutLinks(titleOf(woken))}, which opens its tunnel on demand.`;
}

/** One on demand opens its tunnel while it listens, and for nobody else than who connects. */
function isWoken({ definition, state }: Forward): boolean {
  return definition.isOnDemand === true && state.phase === 'starting' && boundOf(state) !== undefined;
}

function hopOf({ definition: { spec }, state }: Forward): string | undefined {
  const { host } = state.phase === 'starting' ? state.progress : {};
  return host ?? (isThroughSsh(spec) ? spec.target.host : undefined);
}
