/** What is known of a socket here on which nothing could listen. */
export interface SocketFacts {
  /** Empty where it is not known. */
  readonly path: string;
  /** Who of this editor listens on it; empty when that is another program. */
  readonly heldBy: string;
  /** It is a socket of this user that nobody listens on. */
  readonly isStale: boolean;
  /** It is no socket, or not this user's. */
  readonly isFile: boolean;
  /** How many bytes a path may have here, where it has more. */
  readonly limitBytes: number | undefined;
  /** The system's name of the error; empty where it gave none. */
  readonly reason: string;
}

interface Words {
  readonly summary: string;
  readonly sentence: string;
}

/** Something has the name already. Whatever it is, it is not removed without being asked to. */
export function describeSocketInUse({ path, heldBy, isStale, isFile }: SocketFacts): Words {
  if (isFile) return { summary: 'a file is in the way', sentence: `There is already a file ${path}, which Culvert never removes. Choose another path.` };
  if (isStale) {
    return {
      summary: 'an old socket is in the way',
      sentence: `The socket ${path} is there already, but no program listens on it any more: one that has ended left it behind. Remove it, or choose another path.`,
    };
  }
  const holder = heldBy === '' ? 'another program' : heldBy;
  return { summary: `socket in use by ${holder}`, sentence: `The socket ${path} is in use by ${holder}. Stop it, or choose another path.` };
}

/** The folder belongs to somebody else, or the whole disk is not to be written. */
export function describeSocketDenied({ path, reason }: SocketFacts): Words {
  const why = reason === 'EROFS' ? 'its disk can only be read' : 'you may not write to its folder';
  return { summary: 'socket not permitted', sentence: `The socket ${path} cannot be made: ${why}. Choose a path in a folder of your own.` };
}

/** No socket can have that name here. */
export function describeSocketUnavailable({ path, limitBytes, reason }: SocketFacts): Words {
  if (limitBytes !== undefined) {
    return {
      summary: 'path too long for a socket',
      sentence: `The path ${path} is too long for a socket: this system takes ${String(limitBytes)} bytes. Choose a shorter one.`,
    };
  }
  return { summary: 'no place for the socket', sentence: `The socket ${path} cannot be made: ${REASONS[reason] ?? 'this system takes no socket there'}. Choose another path.` };
}

/** Names of errors of mkdtemp(3) and link(2). */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is a file',
  ENOSPC: 'its disk is full',
};
