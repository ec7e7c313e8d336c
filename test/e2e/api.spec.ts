import { readFileSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { descendantsOf } from '../support/processes.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { descriptorsOf, isBackTo } from './descriptors.ts';
import { expect, test } from './fixtures.ts';
import { startKeyHost, waitUntilFree } from './sshHost.ts';

const ROUNDS = 100;
/** A hundred rounds that each kept a key, a channel and its buffers would be far above this. */
const KEPT_MAX_BYTES = 60_000_000;

test('another extension gets a tunnel, sees it, shares it and lets it go', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  await startKeyHost(vsCode, own, { alias: 'server' });
  const server = own(await serve((socket) => { socket.resume().end('over the tunnel'); }), (it) => it.close());
  const text = `${String(await findFreePort())}:127.0.0.1:${String(server.port)} server`;
  await workbench.openCulvert();
  const made = await vsCode.evaluate<{ id: string; host: string; port: number }>(`
    globalThis.held = [await api.ensureForward(${JSON.stringify(text)}), await api.ensureForward(${JSON.stringify(text)})];
    const { id, host, port } = held[0];
    return { id, host, port };`);
  expect((await readAll(await dial(made.port))).toString()).toBe('over the tunnel');
  await workbench.forwards.waitForRow(/listening/);
  expect(await vsCode.evaluate('return { version: api.apiVersion, forwards: api.forwards.map(({ id, state, text, kind }) => ({ id, state, text, kind })) }')).toEqual({
    version: 1, forwards: [{ id: made.id, state: 'listening', text, kind: 'local' }],
  });
  expect(await vsCode.evaluate(`return await api.connections(${JSON.stringify(made.id)})`)).toMatchObject([{ origin: { host: '127.0.0.1' }, bytesDown: 15 }]);
  await vsCode.evaluate('held[0].dispose()');
  expect(await vsCode.evaluate('return api.forwards.length')).toBe(1);
  await vsCode.evaluate('held[1].dispose()');
  await workbench.forwards.waitUntilEmpty();
  await waitUntilFree(made.port);
  expect((await vsCode.readSettings())['culvert.forwards']).toBeUndefined();
  expect(workbench.problems()).toEqual([]);
});

test('what cannot be had rejects with a code and a sentence, and is not left behind', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const taken = own(await serve((socket) => { socket.resume(); }), (it) => it.close());
  await workbench.openCulvert();
  await expect(vsCode.evaluate(`return await api.ensureForward('${String(taken.port)}:127.0.0.1:1')`)).rejects.toMatchObject({ code: 'address-in-use', message: expect.stringContaining(`Port ${String(taken.port)}`) });
  await expect(vsCode.evaluate("return await api.ensureForward('70000:localhost:80')")).rejects.toMatchObject({ code: 'invalid-forward', message: expect.stringContaining('65535') });
  await expect(vsCode.evaluate("return await api.ensureForward({ forward: '0:localhost:80', target: 'nobody@127.0.0.1:1' })")).rejects.toMatchObject({ code: 'connect-refused' });
  expect(await vsCode.evaluate('return api.forwards')).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});

test(`starting and stopping one forward ${String(ROUNDS)} times leaves descriptors, sockets, sessions and memory where they were`, async ({ workbench, own }) => {
  test.setTimeout(360_000);
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'server' });
  const server = own(await serve((socket) => { socket.resume().end('x'); }), (it) => it.close());
  const text = `${String(await findFreePort())}:127.0.0.1:${String(server.port)} server`;
  await workbench.openCulvert();
  // The user's own, so that it is the same one in every round.
  await workbench.forward(text);
  await workbench.forwards.waitForRow(/listening/);
  const [mine] = await vsCode.evaluate<{ id: string }[]>('return api.forwards.map(({ id }) => ({ id }))');
  const rounds = async (count: number): Promise<void> => {
    const ids = await vsCode.evaluate<string[]>(`
      const { connect } = process.getBuiltinModule('node:net');
      const ids = new Set();
      for (let round = 0; round < ${String(count)}; round += 1) {
        const forward = await api.ensureForward('${text}');
        await new Promise((resolve) => connect(forward.port, '127.0.0.1').on('close', resolve).resume());
        await api.stop(forward.id);
        forward.dispose();
        ids.add(forward.id);
      }
      return [...ids];`);
    expect(ids).toEqual([mine?.id]);
  };
  // The first rounds load code and fill pools.
  await rounds(20);
  const [pid = 0] = vsCode.extensionHostPids();
  const before = descriptorsOf(pid);
  const grownBytes: number[] = [];
  // What a round keeps, every hundred of them keeps again; what waits for the next collection is there once.
  do {
    const memory = memoryOf(pid);
    await rounds(ROUNDS);
    grownBytes.push(memoryOf(pid) - memory);
  } while (grownBytes.at(-1)! >= KEPT_MAX_BYTES && grownBytes.length < 4);
  await eventually(() => isBackTo(before, descriptorsOf(pid)), { explain: () => JSON.stringify({ before, now: descriptorsOf(pid) }) });
  await eventually(() => descendantsOf(sshd.pid).length === 0);
  expect(grownBytes.at(-1), `grown by ${grownBytes.join(', ')} bytes`).toBeLessThan(KEPT_MAX_BYTES);
  await vsCode.waitUntilNothingIsOpen();
  await workbench.forwards.waitForRow((row) => row.level === 1 && row.description.endsWith('stopped'), 2_000);
  expect(workbench.problems()).toEqual([]);
});

/** Resident bytes (proc(5), VmRSS). */
function memoryOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}
