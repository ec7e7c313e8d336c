'use strict';

/* The plane, and somebody in its worker who tells which handles it has; with the addresses of a test, if it has some. */

const { BroadcastChannel, threadId } = process.getBuiltinModule('node:worker_threads');
const load = process.getBuiltinModule('node:module').createRequire(__filename);

const channel = new BroadcastChannel('culvert-test-handles');
channel.unref();
/** @param {{ data: { asked?: number } }} question */
channel.onmessage = ({ data }) => {
  if (data.asked === threadId) channel.postMessage({ from: threadId, handles: process.getActiveResourcesInfo() });
};

if (process.env.CULVERT_TEST_ADDRESSES !== undefined) load('./namedAddresses.cjs');
load(String(process.env.CULVERT_TEST_PLANE));
