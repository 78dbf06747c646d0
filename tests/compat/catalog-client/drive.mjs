// SPDX-License-Identifier: Apache-2.0
// Backstage's own client against a running Fairway: node drive.mjs BASE_URL FILES_URL
// BASE_URL has read FILES_URL/main.yaml; FILES_URL/extra.yaml is there to be registered.
// Prints one line per step; ends with status 1 at the first that does not hold.
import assert from 'node:assert/strict';
import { CatalogClient, CATALOG_FILTER_EXISTS } from '@backstage/catalog-client';

const [base, files] = process.argv.slice(2);
const client = new CatalogClient({ discoveryApi: { getBaseUrl: async plugin => `${base}/api/${plugin}` } });
const names = items => items.map(e => e.metadata.name);
const step = async (name, run) => {
  await run();
  console.log(`ok ${name}`);
};
const until = async (what, run) => {
  for (const end = Date.now() + 20000; Date.now() < end; await new Promise(r => setTimeout(r, 50))) {
    if (await run()) return;
  }
  throw new Error(`${what} did not happen`);
};

await step('getEntities: filters, existence, order, fields', async () => {
  const { items } = await client.getEntities({
    filter: [{ kind: 'Component', 'spec.type': ['service', 'website'] }, { kind: 'api' }],
    fields: ['kind', 'metadata.name'],
    order: { field: 'metadata.name', order: 'desc' },
  });
  assert.deepEqual(names(items), ['web', 'cart-api', 'cart']);
  assert.deepEqual(Object.keys(items[0]).sort(), ['kind', 'metadata']);
  const tagged = await client.getEntities({ filter: { 'metadata.tags.go': CATALOG_FILTER_EXISTS } });
  assert.deepEqual(names(tagged.items), ['cart']);
});

await step('getEntities: pages by offset and by after', async () => {
  const first = await client.getEntities({ filter: { kind: 'component' }, limit: 2, offset: 0 });
  assert.deepEqual(names(first.items), ['cart', 'lib']);
  const rest = await client.getEntities({ filter: { kind: 'component' }, limit: 2, offset: 2 });
  assert.deepEqual(names(rest.items), ['web']);
});

await step('queryEntities: cursors both ways', async () => {
  const page = await client.queryEntities({
    filter: { kind: 'component' }, limit: 1, orderFields: { field: 'metadata.name', order: 'asc' },
  });
  assert.equal(page.totalItems, 3);
  assert.deepEqual(names(page.items), ['cart']);
  const next = await client.queryEntities({ cursor: page.pageInfo.nextCursor, limit: 1 });
  assert.deepEqual(names(next.items), ['lib']);
  const last = await client.queryEntities({ cursor: next.pageInfo.nextCursor, limit: 1 });
  assert.deepEqual(names(last.items), ['web']);
  assert.equal(last.pageInfo.nextCursor, undefined);
  const back = await client.queryEntities({ cursor: last.pageInfo.prevCursor, limit: 1 });
  assert.deepEqual(names(back.items), ['lib']);
});

await step('queryEntities: full text', async () => {
  const found = await client.queryEntities({
    fullTextFilter: { term: 'SHOPPING', fields: ['metadata.name', 'metadata.title', 'metadata.description'] },
  });
  assert.deepEqual(names(found.items), ['cart']);
});

await step('queryEntities: predicates', async () => {
  const found = await client.queryEntities({
    query: { $all: [{ kind: 'component' }, { $not: { 'spec.lifecycle': 'production' } }] },
  });
  assert.deepEqual(names(found.items), ['lib']);
  const owned = await client.queryEntities({
    query: { relations: { $contains: { type: 'ownedBy', targetRef: 'group:default/team-a' } } },
    orderFields: { field: 'metadata.name', order: 'asc' },
  });
  assert.deepEqual(names(owned.items), ['cart', 'cart-api', 'lib', 'web']);
});

await step('streamEntities', async () => {
  const seen = [];
  for await (const batch of client.streamEntities({ filter: { kind: 'component' }, pageLimit: 2 })) {
    seen.push(...names(batch));
  }
  assert.deepEqual(seen.sort(), ['cart', 'lib', 'web']);
});

await step('getEntityByRef, getEntitiesByRefs', async () => {
  const cart = await client.getEntityByRef('component:default/cart');
  assert.equal(cart.metadata.title, 'Shopping cart');
  assert.ok(cart.relations.some(r => r.type === 'providesApi' && r.targetRef === 'api:default/cart-api'));
  assert.equal(await client.getEntityByRef({ kind: 'component', namespace: 'default', name: 'none' }), undefined);
  const { items } = await client.getEntitiesByRefs({
    entityRefs: ['component:default/web', 'component:default/none', 'group:default/team-a'], fields: ['metadata.name'],
  });
  assert.deepEqual(items, [{ metadata: { name: 'web' } }, undefined, { metadata: { name: 'team-a' } }]);
});

await step('getEntityAncestors', async () => {
  const tree = await client.getEntityAncestors({ entityRef: 'component:default/cart' });
  assert.equal(tree.rootEntityRef, 'component:default/cart');
  assert.equal(tree.items.length, 2);
});

await step('getEntityFacets', async () => {
  const { facets } = await client.getEntityFacets({ facets: ['kind', 'spec.type'], filter: { kind: ['component', 'api'] } });
  assert.deepEqual(facets.kind, [{ value: 'API', count: 1 }, { value: 'Component', count: 3 }]);
  const byQuery = await client.getEntityFacets({ facets: ['spec.lifecycle'], query: { kind: 'component' } });
  assert.deepEqual(byQuery.facets['spec.lifecycle'], [{ value: 'experimental', count: 1 }, { value: 'production', count: 2 }]);
});

await step('validateEntity', async () => {
  const entity = { apiVersion: 'backstage.io/v1alpha1', kind: 'Component', metadata: { name: 'v' }, spec: {} };
  const bad = await client.validateEntity(entity, 'url:https://example.com/x.yaml');
  assert.equal(bad.valid, false);
  assert.ok(bad.errors[0].message.length > 0);
  const good = { ...entity, spec: { type: 'service', lifecycle: 'x', owner: 'me' } };
  assert.deepEqual(await client.validateEntity(good, 'url:https://example.com/x.yaml'), { valid: true });
});

await step('locations: dry run, add, find, refresh, remove', async () => {
  const target = `${files}/extra.yaml`;
  const dry = await client.addLocation({ type: 'url', target, dryRun: true });
  assert.equal(dry.exists, false);
  assert.ok(names(dry.entities).includes('extra'));
  const { location } = await client.addLocation({ type: 'url', target });
  await until('extra', async () => await client.getEntityByRef('component:default/extra'));
  assert.equal((await client.getLocationById(location.id)).target, target);
  assert.equal((await client.getLocationByRef(`url:${target}`)).id, location.id);
  assert.equal((await client.getLocationByEntity('component:default/extra')).id, location.id);
  await assert.rejects(client.addLocation({ type: 'url', target }), /409/);
  await client.refreshEntity('component:default/extra');
  await client.removeLocationById(location.id);
  await until('the end of extra', async () => !(await client.getEntityByRef('component:default/extra')));
});

await step('removeEntityByUid', async () => {
  const lib = await client.getEntityByRef('component:default/lib');
  await client.removeEntityByUid(lib.metadata.uid);
  assert.equal(await client.getEntityByRef('component:default/lib'), undefined);
});
