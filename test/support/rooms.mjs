/**
 * The room table: which folder of src may import what. The linter and the architecture test both ask here, so that
 * they cannot disagree.
 */

/**
 * @typedef {object} Room
 * @property {readonly string[]} rooms Other rooms that it may import.
 * @property {readonly string[]} builtins Parts of Node that it may import, without `node:`.
 * @property {readonly string[]} packages Packages that it may import.
 * @property {string} purpose What belongs here; the end of every message.
 */

/** They compute and touch nothing, so every room but core may have them. */
const HARMLESS_BUILTINS = ['path', 'util', 'events', 'buffer', 'url'];

/** @type {Readonly<Record<string, Room>>} */
export const ROOMS = {
  core: {
    rooms: [],
    builtins: [],
    packages: [],
    purpose: 'src/core is pure and decides. Hand it what it needs through an interface in src/core/ports.ts',
  },
  openssh: {
    rooms: ['core'],
    builtins: ['crypto', 'fs', 'os', 'child_process', ...HARMLESS_BUILTINS],
    packages: [],
    purpose: 'src/openssh knows what OpenSSH files mean. Sockets belong in src/plane, prompts in src/ui',
  },
  system: {
    rooms: ['core'],
    builtins: ['fs', 'os', 'child_process', ...HARMLESS_BUILTINS],
    packages: [],
    purpose: 'src/system answers questions about the operating system. Sockets belong in src/plane, the editor in src/ui',
  },
  windows: {
    rooms: ['core', 'protocol'],
    builtins: ['net', 'fs', 'os', ...HARMLESS_BUILTINS],
    packages: [],
    purpose: 'src/windows joins the windows through one local socket. Tunnels belong in src/plane, the editor in src/ui',
  },
  protocol: {
    rooms: ['core'],
    builtins: [],
    packages: [],
    purpose: 'src/protocol is messages and RPC, and nothing else. Behaviour belongs on one side of it: src/plane or src/ui',
  },
  plane: {
    rooms: ['core', 'protocol'],
    builtins: ['net', 'dns', 'dgram', 'stream', 'worker_threads', 'crypto', ...HARMLESS_BUILTINS],
    packages: [],
    purpose:
      'src/plane moves bytes: no editor, no disk, no prompts, no policy. Files and ssh_config belong in src/openssh, questions go through src/protocol to src/ui',
  },
  ui: {
    rooms: ['core', 'openssh', 'system', 'windows', 'protocol'],
    builtins: ['os', 'crypto', ...HARMLESS_BUILTINS],
    packages: ['vscode'],
    purpose: 'src/ui only shows. Sockets belong in src/plane, files and programs in src/openssh or src/system',
  },
  // The two files at the top of src: the composition root, and the types of the public API.
  'extension.ts': {
    rooms: ['api.ts', 'core', 'openssh', 'system', 'windows', 'protocol', 'ui'],
    builtins: [...HARMLESS_BUILTINS],
    packages: ['vscode'],
    purpose: 'src/extension.ts builds the objects and subscribes them. The worker is started by src/ui/planeHost.ts',
  },
  'api.ts': {
    rooms: ['core'],
    builtins: [],
    packages: [],
    purpose: "src/api.ts holds the public API's types",
  },
};

/**
 * Exceptions, each for a file or a folder.
 * @type {readonly { readonly importers: RegExp, readonly imports: RegExp, readonly isTypeOnly?: true }[]}
 */
const EXCEPTIONS = [
  { importers: /^src\/plane\/ssh\//, imports: /^ssh2$/ },
  { importers: /^src\/plane\/ssh\/puttyDerivation\.ts$/, imports: /^@noble\/hashes\/argon2\.js$/ },
  { importers: /^src\/plane\/ssh\/proxyCommand\.ts$/, imports: /^node:child_process$/ },
  { importers: /^src\/plane\//, imports: /^src\/system\/clock\.ts$/ },
  { importers: /^src\/system\/socketProbe\.ts$/, imports: /^node:net$/ },
  { importers: /^src\/ui\/planeHost\.ts$/, imports: /^node:worker_threads$/ },
  { importers: /^src\/protocol\//, imports: /^node:worker_threads$/, isTypeOnly: true },
  { importers: /^src\/(ui|core)\//, imports: /^src\/api\.ts$/, isTypeOnly: true },
];

/**
 * Says what is wrong with an import, or nothing when it is in order.
 * @param {string} importer Path from the root of the repository, with slashes: `src/core/forward.ts`.
 * @param {string} specifier As written: `../core/address.ts`, `node:net`, `ssh2`.
 * @param {boolean} [isTypeOnly]
 * @returns {string | undefined}
 */
export function importComplaint(importer, specifier, isTypeOnly = false) {
  const roomName = roomOf(importer);
  const room = roomName === undefined ? undefined : ROOMS[roomName];
  if (roomName === undefined || room === undefined) return `${importer} is in no room of the table in test/support/rooms.mjs.`;
  const target = specifier.startsWith('.') ? resolve(importer, specifier) : specifier;
  const complaint = shapeComplaint(specifier, target);
  if (complaint !== undefined) return complaint;
  const isException = EXCEPTIONS.some(
    (exception) =>
      exception.importers.test(importer) && exception.imports.test(target) && (exception.isTypeOnly !== true || isTypeOnly),
  );
  if (isException || isAllowed(roomName, room, target)) return undefined;
  return `${roomName} may not import ${specifier}. ${room.purpose}.`;
}

/**
 * @param {string} roomName
 * @param {Room} room
 * @param {string} target
 */
function isAllowed(roomName, room, target) {
  if (target.startsWith('node:')) return room.builtins.includes(target.slice('node:'.length).split('/')[0] ?? '');
  if (!target.startsWith('src/')) return room.packages.includes(target);
  const targetRoom = roomOf(target);
  return targetRoom === roomName || (targetRoom !== undefined && room.rooms.includes(targetRoom));
}

/**
 * @param {string} specifier
 * @param {string} target
 */
function shapeComplaint(specifier, target) {
  if (specifier.startsWith('/')) return `${specifier} is absolute; imports are relative, so that a layer is visible in the path.`;
  if (!specifier.startsWith('.')) return undefined;
  if (!specifier.endsWith('.ts')) return `${specifier} names no .ts file; relative imports carry the extension.`;
  if (!target.startsWith('src/')) return `${specifier} leaves src; what is shipped lives there.`;
  return undefined;
}

/**
 * `src/plane/ssh/connection.ts` is in `plane`; a file at the top is a room of its own.
 * @param {string} path
 */
function roomOf(path) {
  const [top, room] = path.split('/');
  return top === 'src' ? room : undefined;
}

/**
 * @param {string} importer
 * @param {string} specifier
 */
function resolve(importer, specifier) {
  return new URL(specifier, `file:///${importer}`).pathname.slice(1);
}
