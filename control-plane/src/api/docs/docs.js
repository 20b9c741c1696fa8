// Shows /openapi.json: routes with their parameters, bodies and answers, and the schemas. Text is only ever set as
// text, never as markup.
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
};

const nameOf = (ref) => ref.split('/').pop();

const typeOf = (schema) => {
  if (!schema) return 'any';
  if (schema.$ref) return make('a', { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref));
  const several = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (several) return make('span', {}, ...several.flatMap((one, i) => (i ? [' or ', typeOf(one)] : [typeOf(one)])));
  const type = [schema.type].flat().filter(Boolean).join(' or ') || 'any';
  if (schema.items) return make('span', {}, 'array of ', typeOf(schema.items));
  if (schema.additionalProperties?.type) return `map to ${schema.additionalProperties.type}`;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  return schema.format ? `${type} (${schema.format})` : type;
};

const table = (head, rows) =>
  make('table', {},
    make('thead', {}, make('tr', {}, ...head.map((text) => make('th', {}, text)))),
    make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map((cell) => make('td', {}, cell ?? ''))))));

const bodies = (content = {}) => Object.entries(content).flatMap(([type, { schema }]) => [`${type}: `, typeOf(schema)]);

const route = (path, method, operation) => {
  const role = operation.security?.[0]?.api_key?.[0];
  const section = make('section', { id: operation.operationId },
    make('h3', {}, make('code', {}, make('span', { class: 'method' }, method), ` ${path}`), ' ',
      role ? make('span', { class: 'role' }, `role: ${role}`) : null),
    make('p', {}, [operation.summary, operation.description].filter(Boolean).join('. ')));
  if (operation.parameters?.length) {
    section.append(make('h4', {}, 'Parameters'), table(['Name', 'In', 'Type', ''], operation.parameters.map((one) =>
      [make('code', {}, one.name + (one.required ? ' *' : '')), one.in, typeOf(one.schema), one.description])));
  }
  if (operation.requestBody) {
    section.append(make('h4', {}, 'Body'), make('p', {}, ...bodies(operation.requestBody.content)));
  }
  section.append(make('h4', {}, 'Answers'), table(['Status', '', 'Body'],
    Object.entries(operation.responses).map(([status, one]) =>
      [status, one.description, make('span', {}, ...bodies(one.content))])));
  if (method !== 'get' || path.startsWith('/v1')) {
    const body = operation.requestBody ? ` \\\n  -H 'Content-Type: application/json' -d '{}'` : '';
    section.append(make('pre', {}, `curl -X ${method.toUpperCase()} -H "Authorization: Bearer $KEY" ${location.origin}${path}${body}`));
  }
  return section;
};

const schemaSection = (name, schema) => {
  const section = make('section', { id: `schema-${name}` }, make('h3', {}, make('code', {}, name)),
    make('p', {}, schema.description ?? ''));
  const parts = [schema, ...(schema.allOf ?? [])];
  const required = new Set(parts.flatMap((part) => part.required ?? []));
  const properties = parts.flatMap((part) => Object.entries(part.properties ?? {}));
  if (properties.length) {
    section.append(table(['Field', 'Type', ''], properties.map(([field, one]) =>
      [make('code', {}, field + (required.has(field) ? ' *' : '')), typeOf(one), one.description])));
  } else {
    section.append(make('p', {}, typeOf(schema)));
  }
  return section;
};

const show = (api) => {
  const main = document.getElementById('main');
  const nav = document.getElementById('nav');
  main.replaceChildren(make('h1', {}, `${api.info.title} API ${api.info.version}`),
    ...api.info.description.split('\n\n').map((text) => make('p', {}, text)),
    make('p', {}, make('a', { href: '/openapi.json' }, '/openapi.json')));
  for (const { name, description } of api.tags ?? []) {
    main.append(make('h2', { id: `tag-${name}` }, description ?? name));
    nav.append(make('h4', {}, name));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (!operation.tags?.includes(name)) continue;
        main.append(route(path, method, operation));
        nav.append(make('a', { href: `#${operation.operationId}` }, operation.summary ?? operation.operationId));
      }
    }
  }
  main.append(make('h2', { id: 'schemas' }, 'Schemas'));
  nav.append(make('h4', {}, 'schemas'));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    main.append(schemaSection(name, schema));
    nav.append(make('a', { href: `#schema-${name}` }, name));
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
};

fetch('/openapi.json')
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => document.getElementById('main').replaceChildren(make('p', { role: 'alert' }, `Cannot read /openapi.json: ${error}`)));
