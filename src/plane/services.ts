import type { HopFact } from '../core/diagnosis.ts';
import type { Clock } from '../core/ports.ts';
import type { SshHop } from '../core/sshTarget.ts';
import type { ControlRequests, LogLevel, PlaneEvents, PlaneRequests } from '../protocol/messages.ts';
import type { RpcEndpoint } from '../protocol/rpc.ts';

/** The control side's events: there are none. */
export type NoEvents = Record<string, never>;

/** What the plane needs of the control side: to ask and to tell. */
export type Control = Pick<RpcEndpoint<PlaneRequests, ControlRequests, PlaneEvents, NoEvents>, 'request' | 'emit'>;

/** What every part of the plane is given. */
export interface PlaneServices {
  readonly control: Control;
  readonly clock: Clock;
  /** What a program has connected to, where an SSH connection is made for that alone. */
  readonly onDemandAt?: string;
  /** Is told what happens on the way to a server, where somebody wants to know. */
  readonly trace?: (hop: SshHop, fact: HopFact) => void;
}

/** Writes a line to the log of the control side, about the forward with that id if it is about one; the text must not hold secrets and is one line. */
export function log(services: PlaneServices, level: LogLevel, text: string, id?: string): void {
  services.control.emit('log', { level, text, ...(id === undefined ? {} : { id }) });
}
