import { homedir } from 'node:os';
import { join } from 'node:path';
import { isSocketPath, type Endpoint } from '../core/address.ts';

/** The endpoint with the `~/` of a socket's path spelt out for this computer; the plane knows no home folder. */
export function spellOutHome(endpoint: Endpoint, home: string = homedir()): Endpoint {
  if (!isSocketPath(endpoint) || !endpoint.path.startsWith(HOME)) return endpoint;
  return { path: join(home, endpoint.path.slice(HOME.length)) };
}

const HOME = '~/';
