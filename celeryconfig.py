"""Celery's settings. The ledger decides and Celery drives: a message means "look at chunk N".

Imports no package of this project. `workers.wiring` adds the broker's URL and the time limits.
"""

from __future__ import annotations

# Messages: JSON only. A process that can write to the broker must not run code through pickle.
accept_content = ["json"]
task_serializer = "json"
event_serializer = "json"
enable_utc = True

# A message is acknowledged after its task, so a worker that dies leaves it. It is not put back by
# Celery then: the ledger's reconciler sends it again, and counts how often that was needed.
task_acks_late = True
task_reject_on_worker_lost = False
worker_prefetch_multiplier = 1
# Tasks commit to the ledger. A result would be a second truth, and costs a tenth of the speed.
task_ignore_result = True
task_store_errors_even_if_ignored = False

broker_transport_options = {
    # Twice the longest that a lease over one chunk is kept alive (the hard limit, 300 s). A task
    # over a whole upload is redelivered after that, finds its lease taken, and is dropped.
    "visibility_timeout": 600,
    # Messages of dead workers come back after the time-out: look each 5 s, and at every look.
    # The defaults (10 s, every tenth look) would add up to 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A broker that vanished without closing must not hold a worker for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    # Queues are asked in the order of their names, which puts load before normalise: what was
    # begun is finished before more is begun, and few spools lie on the disk.
    "queue_order_strategy": "sorted",
    # A queue is two lists: `embed`, and `embed:9` for what may wait until the first is empty.
    "priority_steps": [0, 9],
    "sep": ":",
}
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # the broker comes back when it comes back

# A lost connection is no reason to drop work that is half done: it commits without the broker.
worker_cancel_long_running_tasks_on_connection_loss = False
# On SIGQUIT a worker lets its tasks end for so long; the ledger hands on what is cut off.
worker_soft_shutdown_timeout = 30.0
worker_detect_quorum_queues = False  # a notion of RabbitMQ
worker_hijack_root_logger = False
worker_redirect_stdouts = False

task_default_queue = "maintenance"
task_routes = {
    "datapunk.validate": {"queue": "intake"},
    "datapunk.extract": {"queue": "extract"},
    "datapunk.normalise": {"queue": "normalise"},
    "datapunk.screen": {"queue": "normalise"},
    "datapunk.embed": {"queue": "embed"},
    "datapunk.deepen": {"queue": "embed", "priority": 9},
    "datapunk.load": {"queue": "load"},
    "datapunk.index": {"queue": "load", "priority": 9},
    "datapunk.finish": {"queue": "maintenance"},
}

# What Flower shows. Events cost about a third of the rate of empty tasks; a task over a chunk
# works for a tenth of a second and more, so it hardly matters there.
worker_send_task_events = True
task_send_sent_event = True
