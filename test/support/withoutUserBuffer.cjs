// Loaded in front of a plane: takes away what src/plane/borrowedReads.ts builds on, as another version of Node might.
const { TCP } = /** @type {any} */ (process).binding('tcp_wrap');
Object.defineProperty(TCP.prototype, 'useUserBuffer', { value: undefined });
