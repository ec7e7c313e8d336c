import type { ControlRequests } from '../protocol/messages.ts';
import type { Handlers } from '../protocol/rpc.ts';
import { findGoneOrigins } from '../system/connectedProgram.ts';
import type { SocketFiles } from '../system/socketFile.ts';

/** Answers what the plane asks about the files of its Unix sockets, and about the sockets of its clients. */
export function socketHandlers(sockets: SocketFiles): Pick<Handlers<ControlRequests>, 'prepareSocket' | 'publishSocket' | 'withdrawSocket' | 'areOriginsGone'> {
  return {
    prepareSocket: ({ path }) => sockets.prepare(path),
    publishSocket: async (publication) => {
      await sockets.publish(publication);
      return undefined;
    },
    withdrawSocket: async (socket) => {
      await sockets.withdraw(socket);
      return undefined;
    },
    areOriginsGone: ({ connections }) => findGoneOrigins(connections),
  };
}
