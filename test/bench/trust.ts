import { readFile } from 'node:fs/promises';
import type { Answers } from '../support/planeClient.ts';

/** The benchmark's own server on the loopback is not what is judged here. */
export const trustingAll: Answers = {
  verifyHostKey: async () => ({ isAccepted: true }),
  needIdentity: async ({ path }) => ({ privateKey: await readFile(path, 'utf8') }),
};
