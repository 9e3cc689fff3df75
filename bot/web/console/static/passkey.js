// Passkeys: the browser has an authenticator make one, and sign with it what the bot hands out. What
// counts is decided by servers, so nothing is checked here.
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const named = (buffer) => base64(buffer).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const descriptor = (id) => ({ type: "public-key", id: bytes(id) });

  function say(box, words) {
    box.textContent = words;
    box.classList.toggle("notice", Boolean(words));
    box.classList.toggle("bad", Boolean(words));
    box.hidden = !words;
  }

  function why(error) {
    if (error.name === "NotAllowedError") return "The passkey was not used: it was not confirmed, or took too long.";
    if (error.name === "InvalidStateError") return "This authenticator has a passkey of yours already: it is in the list.";
    if (error instanceof TypeError) return "The bot does not answer, or this browser knows no passkeys.";
    return error.message;
  }

  const add = document.getElementById("passkey-add");
  add?.addEventListener("submit", async (event) => {
    if (add.elements.key.value) return; // made: the form goes its way
    event.preventDefault();
    const box = document.getElementById("passkey-error");
    say(box, "");
    try {
      const { site, user, person, known } = add.dataset;
      const made = await navigator.credentials.create({ publicKey: {
        rp: { id: site, name: "Baton" },
        user: { id: bytes(user), name: person, displayName: person },
        challenge: crypto.getRandomValues(new Uint8Array(32)), // nobody attests anything
        pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
        authenticatorSelection: { userVerification: "required", residentKey: "discouraged" },
        excludeCredentials: known.split(" ").filter(Boolean).map(descriptor),
        attestation: "none",
      } });
      const key = made.response.getPublicKey();
      if (!key) throw new Error("This browser cannot say which key was made. Try another one.");
      add.elements.id.value = named(made.rawId);
      add.elements.key.value = base64(key);
      add.requestSubmit();
    } catch (error) {
      say(box, why(error));
    }
  });

  // the button is drawn again whenever what people said changes
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-passkey]");
    if (!button) return;
    const box = document.getElementById("answer");
    say(box, "");
    box.hidden = false;
    button.disabled = true;
    try {
      const answer = await fetch(`/jobs/${button.dataset.passkey}/passkey`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || `The bot answered with an error (${answer.status}).`);
      const asked = await answer.json();
      const given = await navigator.credentials.get({ publicKey: {
        rpId: asked.site,
        challenge: bytes(asked.challenge),
        allowCredentials: asked.keys.map((key) => descriptor(key.id)),
        userVerification: "required",
      } });
      const { blob } = asked.keys.find((key) => key.id === named(given.rawId));
      const { signature, authenticatorData, clientDataJSON } = given.response;
      const token = [asked.at, blob, ...[signature, authenticatorData, clientDataJSON].map(base64)].join(",");
      const form = button.form;
      form.elements.text.value = `/approve ${button.dataset.passkey} --plan ${asked.plan} --signature ${token}`;
      form.requestSubmit();
    } catch (error) {
      say(box, why(error));
    } finally {
      button.disabled = false;
    }
  });
})();
