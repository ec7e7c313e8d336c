import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SshSpec } from '../../src/core/forwardSpec.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { diagnose, notPassed } from '../support/diagnoses.ts';
import { findFreePort } from '../support/freePort.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { fixed, here, hereAt, onServer } from '../support/poles.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';

/** As the control side saw it last. */
const STARTING = { phase: 'starting', generation: 1, attempt: 1, since: 0, progress: { step: 'binding' }, bound: undefined } as const;

let tunnels: Tunnels;
let plane: PlaneClient;
let folder: TemporaryFolder;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  folder = await createTemporaryFolder('diagnosis-starting');
});

afterEach(async () => {
  await tunnels.close();
  await folder.remove();
});

it('a forward that is just starting is left the port that it has got meanwhile', async () => {
  const listen = { host: '127.0.0.1', port: await findFreePort() };
  const relay = { kind: 'relay', listen, connect: { host: tunnels.echo.host, port: tunnels.echo.port } } as const;
  const forward = await plane.begin({ id: 'a', listen: here(listen), connect: fixed(tunnels.echo) });
  await plane.untilUp(forward);
  const { diagnosis, words } = await diagnose(plane, relay, [], { state: STARTING });
  expect([diagnosis.outcome, ...notPassed(diagnosis)]).toEqual(['passed', 'port skipped']);
  expect(words).toContain('Port not needed left to the forward, which is just starting');
  await plane.stop(forward);
  expect(notPassed((await diagnose(plane, relay)).diagnosis)).toEqual([]);
});

it('a forward that is just starting is left the port of the server that it is about to ask for', async () => {
  const sshd = await tunnels.startServer();
  const listen = { host: 'localhost', port: await findFreePort() };
  const spec: SshSpec = { kind: 'remote', listen, connect: { host: tunnels.echo.host, port: tunnels.echo.port }, target: { host: 'test-server' } };
  const verifyHostKey = plane.answers.verifyHostKey!;
  const accept = new Promise<() => void>((asked) => {
    plane.answers.verifyHostKey = (question, signal) => new Promise((resolve) => { asked(() => { resolve(verifyHostKey(question, signal)); }); });
  });
  const forward = await plane.begin({ id: 'a', listen: onServer(listen), connect: fixed(tunnels.echo), target: targetOf(tunnels.hop(sshd)) });
  const goOn = await accept;
  plane.answers.verifyHostKey = verifyHostKey;
  const { diagnosis } = await diagnose(plane, spec, [tunnels.hop(sshd)], { state: STARTING });
  expect([diagnosis.outcome, ...notPassed(diagnosis)]).toEqual(['passed', 'server-port skipped']);
  goOn();
  await plane.untilUp(forward);
});

it('a forward that starts while a diagnosis tries what it listens on waits for that', async () => {
  const path = folder.join('a.sock');
  const sockets = new SocketFiles();
  const handlers = socketHandlers(sockets);
  const order: string[] = [];
  const asked = new Promise<() => void>((resolve) => {
    Object.assign(plane.answers, handlers);
    plane.answers.publishSocket = async (socket, signal) => {
      order.push('published');
      if (order.length === 1) await new Promise<void>((goOn) => { resolve(goOn); });
      return handlers.publishSocket(socket, signal);
    };
    plane.answers.withdrawSocket = async (socket, signal) => {
      order.push('withdrawn');
      return handlers.withdrawSocket(socket, signal);
    };
  });
  const pole = { listen: hereAt(path), connect: fixed(tunnels.echo) };
  const diagnosed = plane.request('diagnose', { id: 'd', forwardId: 'a', isListening: false, ...pole });
  const goOn = await asked;
  const forward = await plane.begin({ id: 'a', ...pole });
  goOn();
  await plane.untilUp(forward);
  await diagnosed;
  expect(order).toEqual(['published', 'withdrawn', 'published']);
  expect(existsSync(path)).toBe(true);
  await plane.stop(forward);
  await sockets.removeAll();
});
