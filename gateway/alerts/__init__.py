"""Alerts: staff are told of a problem once, and again only when it changes, by mail or by a signed webhook.

The way of an alert: ``watch`` finds what changed (cases, deadlines, queues, certificates, silence, the machine);
``notices`` says it in words without anything of a payload; ``routing`` stores it together with one delivery for each
channel that wants it; ``batches`` puts deliveries into messages, within the flood guard; ``sender`` sends them from
threads of its own by ``mail`` or ``webhook``.
"""
