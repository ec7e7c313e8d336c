import { parentPort, workerData } from 'node:worker_threads';
import type { ControlRequests, PlaneEvents, PlaneRequests } from '../protocol/messages.ts';
import { RpcEndpoint } from '../protocol/rpc.ts';
import { systemClock } from '../system/clock.ts';
import { DataPlane } from './dataPlane.ts';
import { log, type NoEvents, type PlaneServices } from './services.ts';
import { answerUnlockOrder, isUnlockOrder } from './ssh/unlocking.ts';

const SHUTDOWN_DEADLINE_MS = 1_000;

/** The worker's entry: joins the port to the data plane. */
function run(): void {
  const port = parentPort;
  if (port === null) throw new Error('the data plane runs in a worker thread');
  const endpoint = new RpcEndpoint<PlaneRequests, ControlRequests, PlaneEvents, NoEvents>(port, {
    start: (params, signal) => plane.handlers.start(params, signal),
    stop: (params, signal) => plane.handlers.stop(params, signal),
    probe: (params, signal) => plane.handlers.probe(params, signal),
    watch: (params, signal) => plane.handlers.watch(params, signal),
    check: (params, signal) => plane.handlers.check(params, signal),
    connections: (params, signal) => plane.handlers.connections(params, signal),
    diagnose: (params, signal) => plane.handlers.diagnose(params, signal),
    shutdown: (params, signal) => plane.handlers.shutdown(params, signal),
  });
  const services: PlaneServices = { control: endpoint, clock: systemClock };
  const plane = new DataPlane(services);
  port.on('message', (message) => { endpoint.receive(message); });
  watchForFaults(services, plane);
}

/** A fault of ours is told; what nobody caught ends the worker, since its state can no longer be trusted. */
function watchForFaults(services: PlaneServices, plane: DataPlane): void {
  process.on('unhandledRejection', (reason) => { log(services, 'error', `unhandled rejection: ${describe(reason)}`); });
  process.on('uncaughtException', (error) => {
    log(services, 'error', `uncaught exception: ${describe(error)}`);
    services.clock.after(SHUTDOWN_DEADLINE_MS, () => process.exit(1));
    void plane.shutdown().finally(() => process.exit(1));
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

if (isUnlockOrder(workerData)) answerUnlockOrder(workerData);
else run();
