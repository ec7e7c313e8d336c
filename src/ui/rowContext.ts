import { isReadOnly, type Forward } from '../core/forward.ts';

/** Ports that are most often web servers: the row offers the browser without being asked. */
function looksLikeHttp(port: number): boolean {
  return port === 80 || port === 443 || (port >= 3000 && port < 3100) || port === 4200 || port === 5000 || port === 5173
    || (port >= 8000 && port < 9100);
}

/**
 * `forward.<kind>.<phase>`, then `.http` for what a browser can probably show and `.readonly` for what is not Culvert's to
 * change; the manifest's menus match on it.
 */
export function contextOf({ definition, state }: Forward): string {
  const { spec } = definition;
  return `forward.${spec.kind}.${state.phase}${looksLikeHttp(spec.connect.port) ? '.http' : ''}${isReadOnly(definition) ? '.readonly' : ''}`;
}
