/**
 * The public API of Culvert: what `vscode.extensions.getExtension('culvert.culvert')?.activate()` resolves to. Copy this
 * file into your extension for its types; it imports nothing.
 */

/** The version of the API's shape; it grows only when something is taken away or changes its meaning. */
export type ApiVersion = 1;

/** What `activate()` resolves to. */
export interface CulvertApi {
  readonly apiVersion: ApiVersion;
  /** All forwards as they are now, those that ssh_config offers among them; a new list at every reading. */
  readonly forwards: readonly ForwardInfo[];
  /** Fires when a forward appears, goes, or changes its state; not for passing bytes. */
  readonly onDidChangeForwards: (listener: () => void) => { dispose(): void };
  /**
   * Makes sure that a forward runs: the user's own if there is one that does the same, else a new one that lives until it
   * is disposed of. Resolves when the port listens and the tunnel is up; of a forward of the user's that is on demand, when
   * the port listens: connecting to it opens the tunnel. One that another window of the editor runs serves as well, and
   * starts here when that window closes.
   * @param forward the notation of Forward Port with the server after it, `5432:db:5432 me@bastion` or `-D 1080 me@bastion`, or the parts of it.
   * @throws {CulvertError} `code` is one of the failure codes; the forward is not left behind.
   */
  ensureForward(forward: string | ForwardRequest): Promise<EnsuredForward>;
  /**
   * Stops a forward, in whichever window runs it; settles when it has stopped, at once when there is none with that id.
   * @throws {CulvertError} `running-elsewhere` when the window that runs it does not answer.
   */
  stop(id: string): Promise<void>;
  /** The open connections of a forward and the last ten that closed within a minute; empty when there is no such forward, or another window runs it. */
  connections(id: string): Promise<readonly ConnectionInfo[]>;
}

/** A forward to have, as an entry of the setting `culvert.forwards` says it. */
export interface ForwardRequest {
  /** `[bind:]port:host:hostport` or a shorter form, after `-R` or `-D` as in ssh(1); port 0 listens on the next free one, a path on a Unix socket. */
  readonly forward: string;
  /** `[user@]host[:port]` or an ssh_config alias; absent for a local relay. */
  readonly target?: string;
  readonly name?: string;
  /** For a new forward with one destination; as in the setting `culvert.forwards`. */
  readonly healthCheck?: HealthCheckRequest;
}

/** What its destination is asked in the background: to take a connection, or a path over plain HTTP, for one status or any of 2xx and 3xx. */
export type HealthCheckRequest =
  & { readonly intervalSeconds?: number; readonly timeoutSeconds?: number }
  & ({ readonly kind: 'connect' } | { readonly kind: 'http'; readonly path?: string; readonly status?: number });

/** A host and a port; only a forward that was asked for with a path in their place has that. */
export type ApiEndpoint =
  | { readonly host: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined };

/**
 * Where to connect: a host of this computer, or of the server for a forward that listens there (`remote` and
 * `remote-dynamic`), and the port that was really bound, of a range the first. Of the proxies (`dynamic` too), speak SOCKS
 * or HTTP CONNECT to it. Both forms are what `connect()` of `node:net` takes.
 */
export type EnsuredForward = ApiEndpoint & {
  readonly id: string;
  /** A proxy of the user's asks its clients for this user name and a password, which the user has. */
  readonly login?: string;
  /** Lets go of the forward; one that nobody else holds, and that is not the user's, stops. */
  dispose(): void;
};

/** A forward as it stands when it is read; it does not change after. */
export interface ForwardInfo {
  readonly id: string;
  readonly name: string;
  /** `ssh -L`, `-R`, `-D`, `-R` without a destination, and no SSH at all, for streams or datagrams. Further kinds may come. */
  readonly kind: 'local' | 'remote' | 'dynamic' | 'remote-dynamic' | 'relay' | 'udp';
  /** In the notation of Forward Port. */
  readonly text: string;
  /** `idle`: it listens, and opens its tunnel for the first connection. `elsewhere`: another window of the editor runs it, and `bound` tells whether it listens there. */
  readonly state: 'stopped' | 'starting' | 'listening' | 'idle' | 'retrying' | 'stopping' | 'failed' | 'elsewhere';
  /** What it really listens on, here or on the server as its kind says; empty unless it listens. */
  readonly bound: readonly ApiEndpoint[];
  /** When a connection last reached its destination, to within 10 s, or its health check passed, in milliseconds since the epoch, while it listens. */
  readonly provedAt?: number;
  /** Why it failed, waits for a retry, could not reach its destination the last time, or what its health check found. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** A connection that is open, or closed a moment ago; of datagrams a flow. */
export interface ConnectionInfo {
  readonly id: number;
  readonly state: 'parked' | 'dialing' | 'established' | 'closed';
  /** Who connected; at a Unix socket nobody knows, and it is the socket. */
  readonly origin: ApiEndpoint;
  /** Where a proxy's connection asked to go, `host:port`. */
  readonly destination?: string;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  readonly closedAt?: number;
  readonly closeReason?: string;
  /** From the origin to the destination. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** What `ensureForward` rejects with. */
export interface CulvertError extends Error {
  readonly code: string;
}
