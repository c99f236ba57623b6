"""What Generator Surgery is compared with: Lasso-DCT, IAGAN, Deep Decoder and mGANprior.

Settings are those of the paper's comparison; its code's bugs are not copied.
"""
