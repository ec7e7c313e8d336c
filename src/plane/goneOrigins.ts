import { isSocketPath, type Endpoint } from '../core/address.ts';
import type { Control } from './services.ts';

interface Arrived {
  readonly row: { readonly origin: Endpoint; readonly accepted: Endpoint };
}

/** Those of these connections to this computer whose clients nobody holds any more, as far as the system can tell. */
export async function goneOf<T extends Arrived>(connections: readonly T[], control: Control): Promise<ReadonlySet<T>> {
  const asked = connections.flatMap((arrived) => {
    const { origin, accepted } = arrived.row;
    return isSocketPath(origin) || isSocketPath(accepted) ? [] : [{ arrived, connection: { origin, accepted } }];
  });
  if (asked.length === 0) return new Set();
  const answers = await control.request('areOriginsGone', { connections: asked.map(({ connection }) => connection) }).catch(() => []);
  return new Set(asked.filter((_, index) => answers[index] === true).map(({ arrived }) => arrived));
}
