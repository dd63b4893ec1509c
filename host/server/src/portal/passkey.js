// The only script of these pages: it hands the server's options to the browser and the browser's answer back to the server.
// Nothing is decided here.
'use strict';
(() => {
  const form = document.querySelector('[data-passkey]').closest('form');
  const button = form.querySelector('[data-passkey]');
  const show = (id) => {
    for (const text of document.querySelectorAll('[data-trouble]')) text.hidden = text.id !== id;
  };
  const known = window.PublicKeyCredential;
  if (!window.isSecureContext || !known || !known.parseRequestOptionsFromJSON || !known.parseCreationOptionsFromJSON) {
    show('passkey-missing');
    return;
  }

  const ceremonies = {
    get: (options) => navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(options) }),
    create: (options) => navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(options) }),
  };

  button.addEventListener('click', async () => {
    show('');
    button.disabled = true;
    try {
      const credential = await ceremonies[button.dataset.passkey](JSON.parse(button.dataset.options));
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.requestSubmit();
    } catch (error) {
      // The user said no, waited too long, or has no such key here; or this key is enrolled already. Asked again only by the
      // user's own hand.
      show(error.name === 'InvalidStateError' ? 'passkey-known' : 'passkey-stopped');
      button.disabled = false;
    }
  });
  // Back from the next page, the button works again.
  window.addEventListener('pageshow', () => { button.disabled = false; });
  button.hidden = false;
  button.focus();
})();
