"""Sums over trials from packed bits: ``bits`` packs them, ``pairs`` finds influence above a threshold."""
