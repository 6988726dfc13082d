"""rclpy's events of subscriptions, from where each distribution keeps them."""

from __future__ import annotations

try:
    from rclpy.event_handler import (
        QoSMessageLostInfo,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        QoSMessageLostInfo,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

__all__ = ["QoSMessageLostInfo", "SubscriptionEventCallbacks", "UnsupportedEventTypeError"]
