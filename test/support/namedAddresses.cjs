// Loaded in front of a plane: a name of the test's own has the addresses that CULVERT_TEST_ADDRESSES lists, as if a DNS said so.
const dns = process.getBuiltinModule('node:dns');
const { isIP } = process.getBuiltinModule('node:net');

const { lookup } = dns;
const addresses = (process.env['CULVERT_TEST_ADDRESSES'] ?? '').split(' ').map((address) => ({ address, family: isIP(address) }));

/** @type {any} */ (dns).lookup = (/** @type {string} */ host, /** @type {any} */ options, /** @type {any} */ callback) => {
  if (host === 'addresses.test' && options.all === true) process.nextTick(callback, null, addresses);
  else lookup(host, options, callback);
};
